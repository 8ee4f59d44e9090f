package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.SampleResults;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.CompletionResult.Alternative;
import io.tidemark.message.CompletionResult.Choice;
import io.tidemark.message.CompletionResult.Logprobs;
import io.tidemark.message.CompletionResult.TokenLogprob;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Input;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Open requests of a client")
class OpenRequestsTest {

    private static final Limits LIMITS = new Limits(3, 100, 1000, Duration.ofSeconds(10));
    private static final Executor HERE = Runnable::run;

    private final AtomicLong now = new AtomicLong();
    private final OpenRequests open = new OpenRequests(LIMITS, now::get);
    private final List<String> calls = new ArrayList<>();

    @Test
    @DisplayName("Are answered by the result with their header, whatever its id, and by no other result")
    void correlation() throws Exception {
        OpenRequest a = sent("a", 0, 7);
        OpenRequest b = sent("b", 1, 7);
        byte[] value = TopicJson.write(SampleResults.completion("a", "m", "text", at(0, 7)));
        open.onResult(record(null, "a", value));
        for (int bytes : List.of(0, 15, 16, 17, 100_000)) {
            open.onResult(record(ByteBuffer.allocate(bytes), "a", value));
        }
        ConsumerRecord<byte[], byte[]> several = record(a.correlation(), "a", value);
        several.headers().add(RequestMessage.CORRELATION_HEADER, null);
        open.onResult(several);
        for (String other : List.of("{\"id\": \"a\", \"tidemark\": {}}", "null", "", "not JSON")) {
            open.onResult(record(a.correlation(), "a", other.getBytes(StandardCharsets.UTF_8)));
            open.onEvent(record(a.correlation(), "a", other.getBytes(StandardCharsets.UTF_8)));
        }
        open.onResult(record(a.correlation(), "a", null));
        assertThat(calls).isEmpty();
        assertThat(open.size()).isEqualTo(2);
        open.onResult(record(a.correlation(), null, value));
        result(b, "a", at(1, 7), "text");
        result(b, "b", at(1, 7), "text");
        assertThat(calls).containsExactly("a text of a", "b text of a");
        assertThat(open.size()).isZero();
    }

    @Test
    @DisplayName("Are answered at once by a result that is read before the producer has the acknowledgement")
    void early() throws Exception {
        OpenRequest a = added("a", true, 90);
        result(a, "a", at(2, 6), "text");
        assertThat(calls).containsExactly("a text of a");
        assertThat(record(a)).isEqualTo(at(2, 6));
        added("b", true, 90);
        open.acknowledge(a, at(2, 6));
        assertThat(open.size()).isEqualTo(1);
    }

    @Test
    @DisplayName("Whose ids the service does not use may have the same one")
    void unusableIds() throws Exception {
        OpenRequest first = sent("7", false, 1, 7);
        OpenRequest second =
                watched(new OpenRequest("7", correlation("other"), true, HERE, new AtomicLong(), each -> done()));
        assertThat(open.add(second, false, 1, Duration.ZERO)).isEmpty();
        result(second, "generation-requests-1-8", at(1, 8), "text");
        result(first, "generation-requests-1-7", at(1, 7), "text");
        assertThat(calls).containsExactly("7 text of generation-requests-1-8", "7 text of generation-requests-1-7");
    }

    @Test
    @DisplayName("That are attached are answered by the first result with their id, whatever its header")
    void attached() {
        OpenRequest attached = watched(handle("a"));
        assertThat(open.attach(List.of(attached), Map.of())).isEmpty();
        open.onResult(record(null, null, TopicJson.write(SampleResults.completion("a", "m", "text", at(3, 8)))));
        assertThat(calls).isEmpty();
        TextStreamTest.Collector texts = TextStreamTest.Collector.of(attached);
        open.onEvent(record(
                correlation("earlier"), "a", TopicJson.write(new EventMessage("a", 1, 0, 0, "x", Optional.empty()))));
        assertThat(texts.seen()).containsExactly("x");
        open.onResult(record(
                correlation("earlier"), "a", TopicJson.write(SampleResults.completion("a", "m", "text", at(3, 9)))));
        open.onResult(record(null, "a", TopicJson.write(SampleResults.completion("a", "m", "text", at(3, 10)))));
        assertThat(calls).containsExactly("a text of a");
    }

    @Test
    @DisplayName("That are attached with their record are answered by its result only, also if its id is derived")
    void attachedRecords() throws Exception {
        OpenRequest first = watched(handle("a"));
        OpenRequest second = watched(handle(""));
        assertThat(open.attach(List.of(first, second), Map.of(first, at(0, 5), second, at(1, 6))))
                .isEmpty();
        for (Source source : List.of(at(0, 4), at(1, 6), new Source("other-requests", 0, 5))) {
            open.onResult(record(null, "a", TopicJson.write(SampleResults.completion("a", "m", "text", source))));
        }
        assertThat(calls).isEmpty();
        open.onResult(record(null, "a", TopicJson.write(SampleResults.completion("a", "m", "text", at(0, 5)))));
        String derived = at(1, 6).derivedId();
        open.onResult(record(null, derived, TopicJson.write(SampleResults.completion(derived, "m", "text", at(1, 6)))));
        assertThat(calls).containsExactly("a text of a", " text of generation-requests-1-6");
        assertThat(open.size()).isZero();
        added(derived, true);
    }

    @Test
    @DisplayName("Are attached all or none: no id is taken if another one is open, repeated or above the limit")
    void allOrNone() throws Exception {
        added("open", true, 200);
        assertThatThrownBy(() -> open.attach(List.of(handle("x"), handle("open")), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'open' is open");
        assertThatThrownBy(() -> open.attach(List.of(handle("x"), handle("x")), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'x' is attached twice");
        assertThat(open.attach(List.of(handle("x"), handle("y"), handle("z")), Map.of()))
                .get()
                .isInstanceOf(ClientException.TooManyOpen.class)
                .asString()
                .contains("3 requests were not attached", "1 are open", "the limit is 3", "fewer");
        assertThat(open.size()).isEqualTo(1);
        assertThat(open.attach(List.of(handle("x"), handle("y")), Map.of()))
                .as("although a large request is being sent")
                .isEmpty();
        assertThat(open.size()).isEqualTo(3);
    }

    @Test
    @DisplayName("Stop the reading of results while those whose callbacks have not run have more than 64 MiB")
    void boundsWaitingResults() throws Exception {
        OpenRequests many = new OpenRequests(LIMITS.withOpenRequests(100), now::get);
        List<Runnable> waiting = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            assertThat(many.holdsTooMuch()).isFalse();
            OpenRequest slow = new OpenRequest(
                    "s" + i, correlation("s" + i), true, waiting::add, new AtomicLong(), request -> done());
            many.add(slow, true, 1, Duration.ZERO);
            many.onResult(record(
                    slow.correlation(),
                    "s" + i,
                    TopicJson.write(SampleResults.completion("s" + i, "m", "x".repeat(4 << 20), at(0, i)))));
        }
        assertThat(many.holdsTooMuch()).isTrue();
        waiting.forEach(Runnable::run);
        assertThat(many.holdsTooMuch()).isFalse();
    }

    @Test
    @DisplayName("End when nobody reads results any more, and none is added later")
    void end() throws Exception {
        sent("a", 0, 1);
        open.end("nobody reads");
        assertThat(calls).singleElement().asString().contains("Failed", "nobody reads");
        assertThat(open.add(handle("b"), true, 1, Duration.ofDays(1)).orElseThrow())
                .hasMessageContaining("'b' was not sent: nobody reads");
    }

    @Test
    @DisplayName("Accept times that are longer than a clock can count")
    void forever() throws Exception {
        Duration forever = ChronoUnit.FOREVER.getDuration();
        OpenRequests endless = new OpenRequests(LIMITS.withTime(forever), now::get);
        assertThat(endless.add(handle("a"), true, 1, forever)).isEmpty();
        endless.expire();
        assertThat(endless.size()).isEqualTo(1);
        open.close(forever);
    }

    @Test
    @DisplayName("Get the value of the record as it was written, with fields that the client does not know")
    void ownBytes() throws Exception {
        OpenRequest a = sent("a", 0, 7);
        String value = new String(
                TopicJson.write(SampleResults.completion("a", "m", "caf\u00e9", at(0, 7))), StandardCharsets.UTF_8);
        String newer = value.replace("\"choices\"", "\"newer\" : 1.50,\n \"choices\"");
        open.onResult(record(a.correlation(), "a", newer.getBytes(StandardCharsets.UTF_8)));
        RequestResult result = a.result().toCompletableFuture().getNow(null);
        assertThat(result.json()).isEqualTo(newer);
        assertThat(result.text()).isEqualTo("caf\u00e9");
        assertThat(result.seconds()).isEqualTo(0.1);
        assertThat(result.tokensPerSecond()).isEqualTo(20);
        assertThat(result.error()).isEmpty();
        assertThat(result.promptTokens()).isEqualTo(5);
    }

    @Test
    @DisplayName("Have the log-probabilities of their tokens, if the result has them")
    void logprobs() throws Exception {
        OpenRequest a = sent("a", 0, 7);
        TokenLogprob token = new TokenLogprob("x", 3, -0.5, List.of(new Alternative("y", 4, -1)));
        CompletionResult plain = SampleResults.completion("a", "m", "x", at(0, 7));
        CompletionResult result = new CompletionResult(
                "a",
                plain.object(),
                plain.created(),
                "m",
                List.of(Choice.answering(
                        new Input.Prompt("p"), 0, "x", "stop", Optional.of(new Logprobs(List.of(token))))),
                plain.usage(),
                plain.tidemark());
        open.onResult(record(a.correlation(), "a", TopicJson.write(result)));
        assertThat(a.result().toCompletableFuture().getNow(null).logprobs()).containsExactly(token);
    }

    @Test
    @DisplayName("Have at most the limits of requests and bytes; the callbacks of a result count until they have run")
    void limits() throws Exception {
        OpenRequest big = added("big", true, 80);
        assertThat(refusal("more", 30)).contains("80 bytes", "limit of 100");
        open.acknowledge(big, at(0, 1));
        added("b", true, 200);
        open.acknowledge(open("b"), at(0, 2));
        List<Runnable> waiting = new ArrayList<>();
        OpenRequest slow =
                new OpenRequest("slow", correlation("slow"), true, waiting::add, new AtomicLong(), request -> done());
        open.add(slow, true, 1, Duration.ZERO);
        open.acknowledge(slow, at(0, 3));
        result(slow, "slow", at(0, 3), "text");
        assertThat(open.size()).isEqualTo(2);
        assertThat(refusal("fourth", 1)).contains("3 requests are open");
        waiting.forEach(Runnable::run);
        assertThat(open.add(handle("fourth"), true, 1, Duration.ZERO)).isEmpty();
    }

    @Test
    @DisplayName("Have different ids")
    void sameId() throws Exception {
        added("a", true);
        assertThatThrownBy(() -> added("a", true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'a' is open");
    }

    @Test
    @DisplayName("End after the limit of time, in the order in which they were sent")
    void expire() throws Exception {
        OpenRequest a = sent("a", 0, 1);
        now.addAndGet(Duration.ofSeconds(6).toNanos());
        sent("b", 0, 2);
        open.expire();
        assertThat(calls).isEmpty();
        now.addAndGet(Duration.ofSeconds(5).toNanos());
        open.expire();
        assertThat(calls).singleElement().asString().contains("TimedOut", "'a'", "10 s", "attach");
        result(a, "a", at(0, 1), "text");
        assertThat(calls).hasSize(1);
        assertThat(open.size()).isEqualTo(1);
    }

    @Test
    @DisplayName("End after the limit of time if the broker acknowledges nothing, and give their bytes back")
    void expireUnsent() throws Exception {
        OpenRequest a = added("a", true, 90);
        now.addAndGet(Duration.ofSeconds(11).toNanos());
        open.expire();
        assertThat(calls).singleElement().asString().contains("TimedOut", "'a'", "not acknowledged", "attach");
        added("b", true, 90);
        open.acknowledge(a, at(0, 1));
        result(a, "a", at(0, 1), "text");
        assertThat(calls).hasSize(1);
        assertThat(open.size()).isEqualTo(1);
    }

    @Test
    @DisplayName("End when the client is closed, and none is added later")
    void close() throws Exception {
        sent("a", 0, 1);
        open.close(Duration.ZERO);
        assertThat(calls).singleElement().asString().contains("Closed", "'a'", "attach");
        assertThat(open.add(handle("b"), true, 1, Duration.ofDays(1)).orElseThrow())
                .isInstanceOf(ClientException.Closed.class);
    }

    @Test
    @DisplayName("Pass events to the request with their header, and to no other")
    void events() throws Exception {
        OpenRequest a = sent("a", 0, 1);
        OpenRequest derived = sent("7", false, 1, 2);
        TextStreamTest.Collector texts = TextStreamTest.Collector.of(a);
        TextStreamTest.Collector others = TextStreamTest.Collector.of(derived);
        event(a.correlation(), "a", "x");
        event(derived.correlation(), "generation-requests-1-2", "y");
        event(null, "a", "no");
        event(correlation("other"), "a", "no");
        assertThat(texts.seen()).containsExactly("x");
        assertThat(others.seen()).containsExactly("y");
    }

    private final List<OpenRequest> handles = new ArrayList<>();

    private OpenRequest open(String id) {
        return handles.stream().filter(each -> each.id().equals(id)).findFirst().orElseThrow();
    }

    private OpenRequest handle(String id) {
        return new OpenRequest(id, correlation(id), true, HERE, new AtomicLong(1000), request -> done());
    }

    private OpenRequest watched(OpenRequest request) {
        request.result()
                .whenComplete((result, failure) -> calls.add(request.id()
                        + (failure == null
                                ? " text of " + result.message().id()
                                : " " + failure.getCause().getClass().getSimpleName() + " "
                                        + failure.getCause().getMessage())));
        handles.add(request);
        return request;
    }

    private OpenRequest added(String id, boolean usable) throws InterruptedException {
        return added(id, usable, 1);
    }

    private OpenRequest added(String id, boolean usable, int bytes) throws InterruptedException {
        OpenRequest request = watched(handle(id));
        assertThat(open.add(request, usable, bytes, Duration.ZERO)).isEmpty();
        return request;
    }

    private OpenRequest sent(String id, int partition, long offset) throws InterruptedException {
        return sent(id, true, partition, offset);
    }

    private OpenRequest sent(String id, boolean usable, int partition, long offset) throws InterruptedException {
        OpenRequest request = added(id, usable);
        open.acknowledge(request, at(partition, offset));
        return request;
    }

    private String refusal(String id, int bytes) throws InterruptedException {
        ClientException refused =
                open.add(handle(id), true, bytes, Duration.ZERO).orElseThrow();
        assertThat(refused).isInstanceOf(ClientException.TooManyOpen.class);
        return refused.getMessage();
    }

    private static Source record(OpenRequest request) {
        return request.record().toCompletableFuture().getNow(null);
    }

    private void result(OpenRequest request, String id, Source source, String text) {
        open.onResult(
                record(request.correlation(), id, TopicJson.write(SampleResults.completion(id, "m", text, source))));
    }

    private void event(ByteBuffer correlation, String id, String text) {
        open.onEvent(record(correlation, id, TopicJson.write(new EventMessage(id, 1, 0, 0, text, Optional.empty()))));
    }

    /** As random as the text is unique. */
    static ByteBuffer correlation(String text) {
        UUID named = UUID.nameUUIDFromBytes(text.getBytes(StandardCharsets.UTF_8));
        return ByteBuffer.allocate(16)
                .putLong(named.getMostSignificantBits())
                .putLong(named.getLeastSignificantBits())
                .flip();
    }

    /** A result or an event; a header, a key or a value that is null is absent. */
    static ConsumerRecord<byte[], byte[]> record(ByteBuffer correlation, String key, byte[] value) {
        byte[] id = key == null ? null : key.getBytes(StandardCharsets.UTF_8);
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("results", 0, 0, id, value);
        if (correlation != null) {
            record.headers().add(RequestMessage.CORRELATION_HEADER, correlation.array());
        }
        return record;
    }

    private static Source at(int partition, long offset) {
        return new Source("generation-requests", partition, offset);
    }

    private static CompletableFuture<Void> done() {
        return CompletableFuture.completedFuture(null);
    }
}
