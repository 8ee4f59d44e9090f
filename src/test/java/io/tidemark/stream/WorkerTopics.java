package io.tidemark.stream;

import io.tidemark.stream.serving.ServingLifecycle;
import io.tidemark.stream.serving.ServingPhase;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** The topics of the worker under test, and the client of the tests. */
@Singleton
class WorkerTopics {

    static final String REQUESTS = "generation-requests";
    static final String RESULTS = "generation-results";
    static final String EVENTS = "generation-events";
    static final String DEAD_LETTERS = "generation-dead-letters";
    static final String BOUNDARIES = "adapter-boundaries";
    static final String ADAPTERS = "adapters";
    static final String WORKER_STATE = "worker-state";

    /** One client for all tests, created when the worker is ready. */
    @Produces
    @Singleton
    TopicClient client(@ConfigProperty(name = "kafka.bootstrap.servers") String broker, ServingLifecycle serving) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> serving.phase() == ServingPhase.READY);
        return new TopicClient(broker, RESULTS, EVENTS, DEAD_LETTERS, BOUNDARIES, WORKER_STATE);
    }

    void close(@Disposes TopicClient client) throws InterruptedException {
        client.close();
    }

    /** A request that runs long enough for a test to observe it. */
    static String longRequest(String id, String model) {
        return "{\"id\": \"" + id + "\", \"model\": \"" + model
                + "\", \"prompt\": \"x\", \"max_tokens\": 490, \"temperature\": 1, \"stream\": true}";
    }
}
