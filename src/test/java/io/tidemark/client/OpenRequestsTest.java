package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.client.RequestClient.OpenRequests;
import io.tidemark.fixture.SampleResults;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Open requests of a client")
class OpenRequestsTest {

    private final List<String> calls = new ArrayList<>();
    private final OpenRequests open = new OpenRequests(List.of("a", "b"), List.of(at(0, 7), at(1, 7)), new Recorder());

    @Test
    @DisplayName("Are answered by the result that names their record, whatever its id")
    void source() {
        result("a", new Source("t", 0, 6));
        result("a", new Source("u", 0, 7));
        open.onResult(null);
        for (String other : List.of("{\"id\": \"a\", \"tidemark\": {}}", "null", "", "not JSON")) {
            open.onResult(other.getBytes(StandardCharsets.UTF_8));
            open.onEvent(other.getBytes(StandardCharsets.UTF_8));
        }
        assertThat(calls).isEmpty();
        result("t-1-7", new Source("t", 1, 7));
        assertThat(open.isDone()).isFalse();
        result("b", new Source("t", 0, 7));
        assertThat(calls).containsExactly("result b", "result a");
        assertThat(open.isDone()).isTrue();
        assertThat(open.results()).extracting(RequestResult::id).containsExactly("a", "b");
    }

    @Test
    @DisplayName("Get the value of the record as it was written, with fields that the client does not know")
    void ownBytes() {
        String value = new String(
                TopicJson.write(SampleResults.completion("a", "m", "caf\u00e9", new Source("t", 0, 7))),
                StandardCharsets.UTF_8);
        String newer = value.replace("\"choices\"", "\"newer\" : 1.50,\n \"choices\"");
        open.onResult(newer.getBytes(StandardCharsets.UTF_8));
        assertThat(open.results()).singleElement().satisfies(result -> {
            assertThat(result.json()).isEqualTo(newer);
            assertThat(result.text()).isEqualTo("caf\u00e9");
            assertThat(result.seconds()).isEqualTo(0.1);
            assertThat(result.tokensPerSecond()).isEqualTo(20);
            assertThat(result.error()).isEmpty();
        });
    }

    @Test
    @DisplayName("Start anew at a larger attempt, and ignore events of a smaller one")
    void attempts() {
        event("a", 4, "x");
        event("b", 9, "y");
        event("a", 5, "z");
        event("a", 4, "late");
        event("a", 5, "!");
        event("other", 9, "no");
        assertThat(calls).containsExactly("a x", "b y", "restart a", "a z", "a !");
    }

    private void result(String id, Source source) {
        open.onResult(TopicJson.write(ErrorResult.of(
                id, 1, Optional.empty(), ErrorBody.serverError("c", "m"), Provenance.rejected(source, "m", "w", 1))));
    }

    private void event(String id, long attempt, String text) {
        open.onEvent(TopicJson.write(new EventMessage(id, attempt, 0, 0, text, Optional.empty())));
    }

    private static RecordMetadata at(int partition, long offset) {
        return new RecordMetadata(new TopicPartition("t", partition), offset, 0, 0, 0, 0);
    }

    private final class Recorder implements ResultListener {

        @Override
        public void onText(String id, int choice, String chunk) {
            calls.add(id + " " + chunk);
        }

        @Override
        public void onRestart(String id) {
            calls.add("restart " + id);
        }

        @Override
        public void onResult(RequestResult result) {
            calls.add("result " + result.id());
        }
    }
}
