package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.tidemark.client.InMemoryTidemark.CannedAnswer;
import io.tidemark.client.TextStreamTest.Collector;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.UncountedExamples;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The in-memory Tidemark")
class InMemoryTidemarkTest {

    private final InMemoryTidemark tidemark = new InMemoryTidemark(InMemoryTidemarkTest::answer);

    private static CannedAnswer answer(GenerationRequest request) {
        return switch (request.field("prompt").asText("chat")) {
            case "refuse" -> CannedAnswer.refused("unknown_model", "no such adapter");
            case "wait" -> CannedAnswer.none();
            default -> CannedAnswer.text("one ", request.field("model").asText());
        };
    }

    @Test
    @DisplayName("Answers requests with the function, as text and as events, and keeps the requests")
    void answers() {
        RequestResult result = join(GenerationRequest.prompt("a", "p").maxTokens(5));
        assertThat(result.text()).isEqualTo("one a");
        assertThat(result.finishReason()).isEqualTo("stop");
        assertThat(result.json()).contains("\"object\":\"text_completion\"");
        assertThat(join(GenerationRequest.chat("b", List.of(new ChatTurn("user", "x"))))
                        .text())
                .isEqualTo("one b");
        OpenRequest streamed =
                tidemark.submit(GenerationRequest.prompt("c", "p").streaming());
        assertThat(Collector.of(streamed).seen()).containsExactly("one c", "end");
        assertThat(tidemark.requests())
                .hasSize(3)
                .first()
                .satisfies(request ->
                        assertThat(request.field("max_tokens").asInt()).isEqualTo(5));
    }

    @Test
    @DisplayName("Refuses requests as the service does")
    void refuses() {
        assertThatThrownBy(() -> join(GenerationRequest.prompt("a", "refuse")))
                .isInstanceOf(CompletionException.class)
                .cause()
                .satisfies(failure ->
                        assertThat(((ClientException.Refused) failure).code()).isEqualTo("unknown_model"));
    }

    @Test
    @DisplayName("A failed result has no text, finish reason or tokens: reading one throws its error")
    void failedResult() {
        RequestResult failed = tidemark.submit(GenerationRequest.prompt("a", "refuse"))
                .result()
                .toCompletableFuture()
                .join();
        assertThat(failed.failed()).isTrue();
        assertThat(failed.error()).contains("unknown_model: no such adapter");
        for (Function<RequestResult, Object> reading : List.<Function<RequestResult, Object>>of(
                RequestResult::text,
                RequestResult::finishReason,
                RequestResult::promptTokens,
                RequestResult::completionTokens,
                RequestResult::tokensPerSecond,
                RequestResult::logprobs,
                RequestResult::orThrow)) {
            assertThatThrownBy(() -> reading.apply(failed))
                    .isInstanceOf(ClientException.Refused.class)
                    .hasMessageContaining("unknown_model: no such adapter");
        }
        RequestResult answered = join(GenerationRequest.prompt("a", "p"));
        assertThat(answered.failed()).isFalse();
        assertThat(answered.logprobs()).isEmpty();
    }

    @Test
    @DisplayName("A request without streaming() has no events, and says what is missing")
    void notStreaming() {
        OpenRequest plain = tidemark.submit(GenerationRequest.prompt("a", "p").id("r"));
        for (Consumer<OpenRequest> reading : List.<Consumer<OpenRequest>>of(
                OpenRequest::events, OpenRequest::eventStream, request -> request.onEvents(event -> {}))) {
            assertThatThrownBy(() -> reading.accept(plain))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("'r'", "without streaming()");
        }
    }

    @Test
    @DisplayName("Calls back with the events of a request, then completes with its result")
    void onEvents() {
        List<String> texts = new ArrayList<>();
        CompletionStage<RequestResult> result = tidemark.submit(
                        GenerationRequest.prompt("a", "p").streaming())
                .onEvents(event -> texts.add(((RequestEvent.Text) event).text()));
        assertThat(result.toCompletableFuture().join().text()).isEqualTo("one a");
        assertThat(String.join("", texts)).isEqualTo("one a");
        assertThatThrownBy(() -> tidemark.submit(
                                GenerationRequest.prompt("a", "refuse").streaming())
                        .onEvents(event -> {})
                        .toCompletableFuture()
                        .join())
                .hasCauseInstanceOf(ClientException.Refused.class);
        assertThatThrownBy(
                        () -> tidemark.submit(GenerationRequest.prompt("a", "p").streaming())
                                .onEvents(event -> {
                                    throw new IllegalStateException("a mistake");
                                })
                                .toCompletableFuture()
                                .join())
                .hasRootCauseMessage("a mistake");
    }

    @Test
    @DisplayName("Gives the events of a request as a stream, which throws what the request failed with")
    void eventStream() {
        try (Stream<RequestEvent> events =
                tidemark.submit(GenerationRequest.prompt("a", "p").streaming()).eventStream()) {
            assertThat(events.map(event -> ((RequestEvent.Text) event).text()).collect(Collectors.joining()))
                    .isEqualTo("one a");
        }
        try (Stream<RequestEvent> events = tidemark.submit(
                        GenerationRequest.prompt("a", "refuse").streaming())
                .eventStream()) {
            assertThatThrownBy(events::toList).isInstanceOf(ClientException.Refused.class);
        }
    }

    @Test
    @DisplayName("Keeps a request open until the test answers it, the program cancels it, or the client is closed")
    void open() {
        OpenRequest answered =
                tidemark.submit(GenerationRequest.prompt("a", "wait").id("r"));
        assertThatThrownBy(
                        () -> tidemark.submit(GenerationRequest.prompt("a", "p").id("r")))
                .isInstanceOf(IllegalArgumentException.class);
        OpenRequest cancelled =
                tidemark.submit(GenerationRequest.prompt("a", "wait").id("s"));
        OpenRequest attached = tidemark.attach(List.of("t"), Instant.EPOCH).get(0);
        OpenRequest left = tidemark.submit(GenerationRequest.prompt("a", "wait"));
        tidemark.answer("r", CannedAnswer.text("late"));
        tidemark.answer("t", CannedAnswer.text("again"));
        cancelled.cancel();
        assertThat(answered.result().toCompletableFuture().join().text()).isEqualTo("late");
        assertThat(attached.result().toCompletableFuture().join().text()).isEqualTo("again");
        assertThat(cancelled.result().toCompletableFuture().join().finishReason())
                .isEqualTo("cancelled");
        assertThat(tidemark.cancelled()).containsExactly("s");
        assertThat(tidemark.openRequests()).isEqualTo(1);
        tidemark.close(Duration.ofDays(1));
        assertThatThrownBy(() -> left.result().toCompletableFuture().join())
                .hasCauseInstanceOf(ClientException.Closed.class);
        assertThatThrownBy(() -> join(GenerationRequest.prompt("a", "p")))
                .hasCauseInstanceOf(ClientException.Closed.class);
    }

    @Test
    @DisplayName("Attaches all requests or none, with their records, and none after it was closed")
    void attach() {
        tidemark.submit(GenerationRequest.prompt("a", "wait").id("r"));
        assertThatThrownBy(() -> tidemark.attach(List.of("x", "r"), Instant.EPOCH))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tidemark.attach(List.of("x", "x"), Instant.EPOCH))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(tidemark.openRequests()).isEqualTo(1);
        Source source = new Source("generation-requests", 2, 9);
        OpenRequest recorded =
                tidemark.attachRecords(Map.of("x", source), Instant.EPOCH).get(0);
        assertThat(recorded.record().toCompletableFuture()).isCompletedWithValue(source);
        tidemark.close(Duration.ZERO);
        OpenRequest late = tidemark.attach(List.of("y"), Instant.EPOCH).get(0);
        assertThatThrownBy(() -> late.result().toCompletableFuture().join())
                .hasCauseInstanceOf(ClientException.Closed.class);
        assertThat(tidemark.openRequests()).isZero();
    }

    @Test
    @DisplayName("Counts validation batches once, and repeats within a batch and from earlier ones of the adapter")
    void batches() {
        RawValidationBatch first = batch("b1", "a", "x", "y", "x");
        RawValidationBatch second = batch("b2", "a", "y", "z", "x");
        RawValidationBatch other = batch("b3", "of another adapter", "x", "y");
        assertThat(validate(first))
                .isEqualTo(new BatchOutcome.Counted(first, Optional.of(new UncountedExamples(1, 0, 0))));
        assertThat(validate(second))
                .isEqualTo(new BatchOutcome.Counted(second, Optional.of(new UncountedExamples(2, 0, 0))));
        assertThat(validate(other))
                .isEqualTo(new BatchOutcome.Counted(other, Optional.of(new UncountedExamples(0, 0, 0))));
        assertThat(tidemark.batches()).containsExactly(first, second, other);
        assertThat(tidemark.boundaries()).isEmpty();
    }

    @Test
    @DisplayName("A batch whose id was used is rejected as by a calibrator, with a code for the same and for others")
    void usedBatchIds() {
        RawValidationBatch first = batch("b1", "a", "x", "y");
        RawValidationBatch others = batch("b1", "a", "new");
        RawValidationBatch another = batch("b1", "of another adapter", "new");
        validate(first);
        assertThat(validate(others))
                .isEqualTo(new BatchOutcome.Rejected(
                        others,
                        "batch_id_conflict",
                        "a batch with this id and other examples was counted before; send this one with another id"));
        assertThat(validate(first))
                .isEqualTo(new BatchOutcome.Rejected(
                        first, "duplicate_batch", "a batch with this id and these examples was counted before"));
        assertThat(validate(another))
                .isEqualTo(new BatchOutcome.Counted(another, Optional.of(new UncountedExamples(0, 0, 0))));
        RawValidationBatch unused = batch("b2", "a", "new");
        assertThat(validate(unused))
                .isEqualTo(new BatchOutcome.Counted(unused, Optional.of(new UncountedExamples(0, 0, 0))));
        assertThat(tidemark.batches()).containsExactly(first, others, first, another, unused);
    }

    private static RawValidationBatch batch(String id, String adapter, String... prompts) {
        return new RawValidationBatch(
                id,
                adapter,
                Stream.of(prompts)
                        .<JsonNode>map(prompt -> JsonNodeFactory.instance
                                .objectNode()
                                .put("prompt", prompt)
                                .put("completion", "c"))
                        .toList());
    }

    private BatchOutcome validate(RawValidationBatch batch) {
        return tidemark.validate(batch).toCompletableFuture().join();
    }

    private RequestResult join(GenerationRequest request) {
        return tidemark.generate(request).toCompletableFuture().join();
    }
}
