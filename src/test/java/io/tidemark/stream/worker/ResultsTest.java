package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Provenance;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Results")
class ResultsTest {

    private static final byte[] REQUEST =
            "{\"id\": \"r\", \"model\": \"m\", \"prompt\": \"x\"}".getBytes(StandardCharsets.UTF_8);

    private final Results results = new Results("base", 2, "w", Clock.systemUTC());
    private final IncomingRequest incoming =
            new IncomingRequest(new ConsumerRecord<>("p.generation-requests", 3, 17, null, REQUEST), 5);

    @Test
    @DisplayName("Name the record of the request and the attempt, after a success and after an error")
    void source() {
        ErrorBody error = ErrorBody.serverError("engine_error", "it broke");
        Completion completion = new Completion(
                "r",
                List.of(new Completion.Choice(0, "a", List.of(1), FinishReason.STOP, List.of())),
                new Completion.Usage(4, 1, 3),
                new Completion.Timing(1, 2, 3));
        List<ResultMessage> all = List.of(
                results.completed(incoming, RequestLifecycleFixture.admitted(REQUEST), completion),
                results.failed(incoming, RequestLifecycleFixture.admitted(REQUEST), error),
                results.rejected(incoming, "r", Optional.empty(), error));
        assertThat(all).allSatisfy(result -> {
            assertThat(result.tidemark().source()).isEqualTo(new Provenance.Source("p.generation-requests", 3, 17));
            assertThat(result.tidemark().attempt()).isEqualTo(5);
            assertThat(Schema.named("result").problems(new String(TopicJson.write(result), StandardCharsets.UTF_8)))
                    .isEmpty();
        });
    }
}
