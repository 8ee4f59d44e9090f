package io.tidemark.stream;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.util.HashMap;
import java.util.Map;

/** A broker in the JVM and the settings of a process with both roles on a fixture model. */
public final class BrokerResource implements QuarkusTestResourceLifecycleManager {

    static final String MODEL = "src/test/resources/models/llama-gqa";

    private EmbeddedBroker broker;

    @Override
    public Map<String, String> start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        Map<String, String> config = new HashMap<>();
        config.put("kafka.bootstrap.servers", broker.bootstrapServers());
        config.put("tidemark.role", "all");
        config.put("tidemark.model.dir", MODEL);
        config.put("tidemark.adapters.all", MODEL + "/adapters/all");
        config.put("tidemark.adapters.qv", MODEL + "/adapters/qv");
        config.put("tidemark.adapters.\"some-layers\"", MODEL + "/adapters/some-layers");
        config.put("tidemark.engine.max-num-seqs", "4");
        config.put("tidemark.engine.max-queued-requests", "4");
        config.put("tidemark.engine.threads", "1");
        config.put("tidemark.worker-id", "test-worker");
        config.put("tidemark.topics.calibration-partitions", "2");
        config.put("tidemark.tables.max-staleness", "5S");
        return config;
    }

    @Override
    public void stop() {
        broker.close();
    }
}
