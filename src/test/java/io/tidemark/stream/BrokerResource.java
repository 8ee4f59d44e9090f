package io.tidemark.stream;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/** A broker in the JVM, and the settings of a process with both roles on a fixture model and of its reply client. */
public final class BrokerResource implements QuarkusTestResourceLifecycleManager {

    static final String MODEL = "src/test/resources/models/llama-gqa";

    /** A topic that requests may name for their results. */
    static final String REPLIES = "my-replies";

    private static final Pattern SAMPLE =
            Pattern.compile("```properties\\n(mp\\.messaging\\.outgoing\\.generation\\..*?)```", Pattern.DOTALL);

    private EmbeddedBroker broker;

    @Override
    public Map<String, String> start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        createReplyTopic();
        Map<String, String> config = new HashMap<>(smallRyeClient());
        config.put("kafka.bootstrap.servers", broker.bootstrapServers());
        config.put("tidemark.role", "all");
        config.put("tidemark.model.dir", MODEL);
        config.put("tidemark.adapters.all", MODEL + "/adapters/all");
        config.put("tidemark.adapters.qv", MODEL + "/adapters/qv");
        config.put("tidemark.adapters.\"some-layers\"", MODEL + "/adapters/some-layers");
        config.put("tidemark.sources.file-root", MODEL + "/adapters");
        config.put("tidemark.engine.max-num-seqs", "4");
        config.put("tidemark.engine.max-queued-requests", "4");
        config.put("tidemark.engine.processors", "1");
        config.put("tidemark.engine.compute-type", "fp32"); // the type of the reference outputs
        config.put("tidemark.worker-id", "test-worker");
        config.put("tidemark.replies.topics", REPLIES);
        config.put("tidemark.topics.calibration-partitions", "2");
        config.put("tidemark.tables.max-staleness", "5S");
        return config;
    }

    private void createReplyTopic() {
        NewTopic topic = new NewTopic(REPLIES, 2, (short) 1).configs(Map.of("max.message.bytes", "5242880"));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.createTopics(List.of(topic)).all().get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException("could not create topic '" + REPLIES + "'", e);
        }
    }

    /** The settings of SmallRye's {@code KafkaRequestReply} in docs/topics.md. */
    private static Map<String, String> smallRyeClient() {
        try {
            Matcher sample = SAMPLE.matcher(Files.readString(Path.of("docs/topics.md")));
            if (!sample.find()) {
                throw new IllegalStateException("docs/topics.md has no settings of a client");
            }
            Properties settings = new Properties();
            settings.load(new StringReader(sample.group(1)));
            return settings.stringPropertyNames().stream().collect(Collectors.toMap(k -> k, settings::getProperty));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void stop() {
        broker.close();
    }
}
