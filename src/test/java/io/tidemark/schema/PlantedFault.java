package io.tidemark.schema;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * A change that makes a valid record of a topic invalid.
 *
 * @param name  what is wrong then
 * @param plant returns the invalid record
 */
public record PlantedFault(String topic, String name, UnaryOperator<TopicRecord> plant) {

    private static final byte[] NOT_UTF8 = {(byte) 0xff};
    private static final byte[] ABOVE_COPIED = new byte[1100];
    private static final byte[] ABOVE_KEPT = new byte[66_000];

    /** Faults of keys, values and headers for every topic. */
    public static List<PlantedFault> all() {
        List<PlantedFault> faults = new ArrayList<>();
        add(faults, "generation-requests", "no value", record -> record.withValue(null));
        add(faults, "generation-requests", "a value that is not JSON", record -> record.withValue(new byte[] {'{'}));
        value(faults, "generation-requests", "no model", json -> json.remove("model"));
        value(faults, "generation-requests", "max_tokens 0", json -> json.put("max_tokens", 0));
        header(faults, "generation-requests", "kafka_replyPartition", TopicRecord.bytes("1"));
        header(faults, "generation-requests", "REPLY_PARTITION", new byte[] {-1, 0, 0, 0});
        header(faults, "generation-requests", "kafka_replyTopic", NOT_UTF8);

        add(faults, "generation-events", "no key", record -> record.withKey((byte[]) null));
        add(faults, "generation-events", "the key of another request", record -> record.withKey("other"));
        value(faults, "generation-events", "a negative sequence", json -> json.put("sequence", -1));
        header(faults, "generation-events", "kafka_correlationId", ABOVE_COPIED);
        header(faults, "generation-events", "traceparent", NOT_UTF8);

        add(faults, "generation-results", "no key", record -> record.withKey((byte[]) null));
        add(faults, "generation-results", "the key of another request", record -> record.withKey("other"));
        add(faults, "generation-results", "no value", record -> record.withValue(null));
        value(faults, "generation-results", "no source", json -> ((ObjectNode) json.get("tidemark")).remove("source"));
        value(faults, "generation-results", "another object", json -> json.put("object", "text"));
        header(faults, "generation-results", "REPLY_CORRELATION_ID", ABOVE_COPIED);
        header(faults, "generation-results", "tidemark-correlation", ABOVE_COPIED);
        header(faults, "generation-results", "tracestate", null);

        value(faults, "generation-cancellations", "neither id nor source", json -> json.removeAll());
        value(faults, "generation-cancellations", "id and source", json -> {
            json.put("id", "r");
            json.putObject("source").put("topic", "t").put("partition", 0).put("offset", 0);
        });

        add(faults, "validation-batches", "no value", record -> record.withValue(null));
        value(faults, "validation-batches", "no examples", json -> json.putArray("examples"));
        value(faults, "validation-batches", "no batch_id", json -> json.remove("batch_id"));

        add(faults, "adapter-boundaries", "no key", record -> record.withKey((byte[]) null));
        add(faults, "adapter-boundaries", "the key of another adapter", record -> record.withKey("other"));
        value(
                faults,
                "adapter-boundaries",
                "evidence without a batch id",
                json -> ((ObjectNode) json.at("/decision/evidence")).remove("batch_id"));
        value(faults, "adapter-boundaries", "a calibrator without a decision", json -> json.remove("decision"));
        value(
                faults,
                "adapter-boundaries",
                "a calibrator without evidence",
                json -> ((ObjectNode) json.get("decision")).remove("evidence"));
        value(
                faults,
                "adapter-boundaries",
                "a calibrator without the digest of the base model",
                json -> ((ObjectNode) json.get("version")).remove("base_digest"));
        value(faults, "adapter-boundaries", "an operator with a decision", json -> json.remove("writer"));
        value(faults, "adapter-boundaries", "a reset with evidence", json -> json.put("writer", "reset"));
        value(faults, "adapter-boundaries", "a negative boundary", json -> json.put("boundary", -1));
        add(
                faults,
                "adapter-boundaries",
                "a tombstone without a key",
                record -> record.withKey((byte[]) null).withValue(null));

        add(faults, "calibration-state", "no key", record -> record.withKey((byte[]) null));
        add(
                faults,
                "calibration-state",
                "a key without base digest and compute type",
                record -> record.withKey(record.keyText().replaceFirst("/[^/]+/[^/]+$", "")));
        add(
                faults,
                "calibration-state",
                "the key of another partition",
                record -> record.withKey(record.keyText().replaceFirst("/[0-9]+/", "/99/")));
        value(
                faults,
                "calibration-state",
                "a batch id in place of its hash",
                json -> json.putArray("counted_batches").add("b1"));
        value(faults, "calibration-state", "no version", json -> json.remove("version"));
        header(faults, "calibration-state", "tidemark.repeats", TopicRecord.bytes("-1"));
        header(faults, "calibration-state", "tidemark.source.offset", TopicRecord.bytes("first"));
        add(
                faults,
                "calibration-state",
                "a tombstone with the adapter as its key",
                record -> record.withKey("all").withValue(null));

        add(faults, "boundary-decisions", "no key", record -> record.withKey((byte[]) null));
        value(faults, "boundary-decisions", "a negative watch", json -> json.put("watch", -1));
        value(faults, "boundary-decisions", "no boundaries", json -> json.remove("boundaries"));
        value(
                faults,
                "boundary-decisions",
                "a boundary without a mean",
                json -> json.putArray("boundaries").addObject().put("boundary", 1));

        add(faults, "adapters", "no key", record -> record.withKey((byte[]) null));
        value(faults, "adapters", "neither a source nor targets", json -> json.removeAll());
        value(faults, "adapters", "an unknown field", json -> json.put("pin", true));
        value(faults, "adapters", "a source and targets", json -> {
            json.put("source", "s3://b/a").put("digest", "0".repeat(64)).put("base", "0".repeat(64));
            json.putArray("targets").addObject().put("adapter", "a").put("weight", 1);
        });

        // the first record of the topic may be a state or a heartbeat
        add(faults, "worker-state", "no key", record -> record.withKey((byte[]) null));
        value(faults, "worker-state", "no fields", json -> json.removeAll());
        value(
                faults,
                "worker-state",
                "a negative number",
                json -> json.put("omitted", -1).put("running", -1));
        add(
                faults,
                "worker-state",
                "a tombstone without a key",
                record -> record.withKey((byte[]) null).withValue(null));

        for (String topic : List.of("generation-dead-letters", "validation-dead-letters")) {
            add(faults, topic, "no error code", record -> record.withoutHeader("tidemark.error.code"));
            header(faults, topic, "tidemark.source.offset", TopicRecord.bytes("-1"));
            header(faults, topic, "tidemark.size", TopicRecord.bytes("large"));
            header(faults, topic, "tidemark.error.message", NOT_UTF8);
            add(faults, topic, "a key above 64 KiB", record -> record.withKey(ABOVE_KEPT));
            add(faults, topic, "a value above 64 KiB", record -> record.withValue(ABOVE_KEPT));
        }
        return faults;
    }

    private static void add(List<PlantedFault> faults, String topic, String name, UnaryOperator<TopicRecord> plant) {
        faults.add(new PlantedFault(topic, name, plant));
    }

    private static void value(List<PlantedFault> faults, String topic, String name, Consumer<ObjectNode> change) {
        add(faults, topic, name, record -> record.with(change));
    }

    private static void header(List<PlantedFault> faults, String topic, String name, byte[] value) {
        add(faults, topic, "a wrong header " + name, record -> record.withHeader(name, value));
    }

    @Override
    public String toString() {
        return topic + " with " + name;
    }
}
