package io.tidemark.stream;

import io.tidemark.stream.serving.Phase;
import io.tidemark.stream.serving.Serving;
import java.time.Duration;
import org.awaitility.Awaitility;

/** The topics of the worker that a test runs, as a client sees them. */
final class WorkerTopics {

    static final String REQUESTS = "generation-requests";
    static final String RESULTS = "generation-results";
    static final String EVENTS = "generation-events";
    static final String DEAD_LETTERS = "generation-dead-letters";

    private WorkerTopics() {
    }

    /** Waits until the worker is ready. */
    static Outside connect(Serving serving, String broker) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> serving.phase() == Phase.READY);
        return new Outside(broker, RESULTS, EVENTS, DEAD_LETTERS, "adapter-boundaries");
    }

    /** One that is still running when a test looks. */
    static String longRequest(String id, String model) {
        return "{\"id\": \"" + id + "\", \"model\": \"" + model
                + "\", \"prompt\": \"x\", \"max_tokens\": 490, \"temperature\": 1, \"stream\": true}";
    }
}
