package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Provenance;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.Schema;
import io.tidemark.time.VirtualTime;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Results")
class AnswersTest {

    private static final String REQUEST = "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\"}";

    private final Answers answers = new Answers("base", 2, "w", new VirtualTime());
    private final ReceivedRequest request = RequestRunnerFixture.received(17, 0, REQUEST, Optional.empty(), List.of());

    @Test
    @DisplayName("A request that the engine has not run counts with a quarter of its bytes as tokens")
    void chargedByBytes() {
        Answer answer = answers.rejected(request, "r", Optional.empty(), ErrorBody.serverError("c", "m"), List.of());
        assertThat(answer.tokens()).isEqualTo(request.size() / 4).isPositive();
    }

    @Test
    @DisplayName("Name the record of the request and the attempt, after a success and after an error")
    void source() {
        ErrorBody error = ErrorBody.serverError("engine_error", "it broke");
        Completion completion = new Completion(
                "r",
                List.of(new Completion.GeneratedChoice(0, "a", List.of(1), FinishReason.STOP, List.of())),
                new Completion.CompletionUsage(4, 1, 3),
                new Completion.Timing(1, 2, 3));
        AdmittedRequest admitted = RequestRunnerFixture.admitted(REQUEST);
        List<ResultMessage> all = List.of(
                answers.finished(request, admitted, completion).result(),
                answers.finished(request, admitted, new Failure("r", "engine_error", "it broke"))
                        .result(),
                answers.rejected(request, "r", Optional.empty(), error, List.of())
                        .result());
        assertThat(all).allSatisfy(result -> {
            assertThat(result.tidemark().source()).isEqualTo(new Provenance.Source("requests", 0, 17));
            assertThat(result.tidemark().attempt()).isEqualTo(3);
            assertThat(Schema.named("result").problems(new String(TopicJson.write(result), StandardCharsets.UTF_8)))
                    .isEmpty();
        });
    }
}
