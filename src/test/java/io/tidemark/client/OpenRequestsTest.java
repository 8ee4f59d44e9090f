package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.client.RequestClient.OpenRequests;
import java.util.ArrayList;
import java.util.List;
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
    void source() throws JsonProcessingException {
        result("a", "{\"topic\": \"t\", \"partition\": 0, \"offset\": 6}");
        result("a", "{\"topic\": \"u\", \"partition\": 0, \"offset\": 7}");
        open.onResult(json("{\"id\": \"a\", \"tidemark\": {}}"));
        open.onResult(json("null"));
        assertThat(calls).isEmpty();
        result("t-1-7", "{\"topic\": \"t\", \"partition\": 1, \"offset\": 7}");
        assertThat(open.isDone()).isFalse();
        result("b", "{\"topic\": \"t\", \"partition\": 0, \"offset\": 7}");
        assertThat(calls).containsExactly("answer b", "answer a");
        assertThat(open.isDone()).isTrue();
        assertThat(open.answers()).extracting(Answer::id).containsExactly("a", "b");
    }

    @Test
    @DisplayName("Start anew at a larger attempt, and ignore events of a smaller one")
    void attempts() throws JsonProcessingException {
        event("a", 4, "x");
        event("b", 9, "y");
        event("a", 5, "z");
        event("a", 4, "late");
        event("a", 5, "!");
        event("other", 9, "no");
        assertThat(calls).containsExactly("a x", "b y", "restart a", "a z", "a !");
    }

    private void result(String id, String source) throws JsonProcessingException {
        open.onResult(json("{\"id\": \"%s\", \"tidemark\": {\"source\": %s}}".formatted(id, source)));
    }

    private void event(String id, long attempt, String text) throws JsonProcessingException {
        open.onEvent(json("{\"id\": \"%s\", \"attempt\": %d, \"choice\": 0, \"sequence\": 0, \"text\": \"%s\"}"
                .formatted(id, attempt, text)));
    }

    private static JsonNode json(String text) throws JsonProcessingException {
        return new ObjectMapper().readTree(text);
    }

    private static RecordMetadata at(int partition, long offset) {
        return new RecordMetadata(new TopicPartition("t", partition), offset, 0, 0, 0, 0);
    }

    private final class Recorder implements AnswerListener {

        @Override
        public void onText(String id, int choice, String chunk) {
            calls.add(id + " " + chunk);
        }

        @Override
        public void onRestart(String id) {
            calls.add("restart " + id);
        }

        @Override
        public void onAnswer(Answer answer) {
            calls.add("answer " + answer.id());
        }
    }
}
