package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.RecordMetadata;

/** What has come for the open requests; a larger attempt replaces a lower one, and a lower one is dropped. */
final class Conversation {

    private final Map<String, Long> attempts = new HashMap<>();
    private final Map<String, Answer> answers = new HashMap<>();
    private final Map<String, String> idsByName = new HashMap<>();
    private final List<String> ids;
    private final AnswerListener listener;

    /** @param places where the request of each id lies, in the order of the ids */
    Conversation(List<String> ids, List<RecordMetadata> places, AnswerListener listener) {
        this.ids = List.copyOf(ids);
        this.listener = listener;
        for (int i = 0; i < ids.size(); i++) { // a worker that can't take an id, such as a number, names the place
            RecordMetadata place = places.get(i);
            idsByName.put(place.topic() + "-" + place.partition() + "-" + place.offset(), ids.get(i));
        }
        ids.forEach(id -> idsByName.put(id, id));
    }

    boolean hasOpenRequests() {
        return answers.size() < ids.size();
    }

    void hear(boolean result, JsonNode record) {
        String id = idsByName.get(record.path("id").asText());
        if (id == null || answers.containsKey(id)) {
            return;
        }
        if (result) {
            Answer answer = new Answer(id, record);
            answers.put(id, answer);
            listener.onAnswer(answer);
        } else {
            hearEvent(id, record);
        }
    }

    private void hearEvent(String id, JsonNode event) {
        long attempt = event.path("attempt").asLong();
        Long known = attempts.put(id, Math.max(attempt, attempts.getOrDefault(id, attempt)));
        if (known != null && attempt < known) {
            return;
        }
        if (known != null && attempt > known) {
            listener.onRestart(id);
        }
        String piece = event.path("text").asText("");
        if (!piece.isEmpty()) {
            listener.onText(id, event.path("choice").asInt(), piece);
        }
    }

    /** Those that have come, in the order of the requests. */
    List<Answer> answers() {
        return ids.stream().filter(answers::containsKey).map(answers::get).toList();
    }
}
