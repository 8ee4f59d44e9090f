package io.tidemark.cli.adapters;

import io.tidemark.client.Cluster;
import io.tidemark.client.Topics;
import io.tidemark.client.WorkerStates;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.message.WorkerStateRecord.State;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Records of {@code worker-state}, as a worker would write them. */
final class WorkerRecords {

    static final String BASE = "ba5e".repeat(16);
    static final String DIGEST = "3fa2".repeat(16);
    static final String MODEL = "smollm2";

    private WorkerRecords() {}

    static WorkerStateRecord state(String worker, String base, long adaptersOffset, int omitted, Adapter... adapters) {
        return new WorkerStateRecord(
                worker,
                "worker",
                "0.1.0",
                new WorkerStateRecord.Base(MODEL, base, 2048, 4, "fp32", "torch"),
                Instant.EPOCH,
                adaptersOffset,
                List.of(adapters),
                omitted);
    }

    /** A live worker with a base model. */
    static Worker live(String worker, long adaptersOffset, Adapter... adapters) {
        return worker(state(worker, BASE, adaptersOffset, 0, adapters), true);
    }

    static Worker worker(WorkerStateRecord state, boolean live) {
        Heartbeat heartbeat = new Heartbeat(Instant.EPOCH, 0, 0);
        return new Worker(state.worker(), Optional.of(state), Optional.of(heartbeat), Instant.EPOCH, live);
    }

    static Adapter adapter(String name, State state, long offset) {
        return new Adapter(
                name,
                state,
                Optional.of(DIGEST),
                OptionalLong.of(offset),
                Optional.empty(),
                OptionalInt.of(3),
                Optional.empty(),
                Optional.empty());
    }

    /** A folder of the settings. */
    static Adapter folder(String name) {
        return new Adapter(
                name,
                State.LOADED,
                Optional.of(DIGEST),
                OptionalLong.empty(),
                Optional.empty(),
                OptionalInt.of(4),
                Optional.empty(),
                Optional.empty());
    }

    static Adapter failed(String name, String reason) {
        return new Adapter(
                name,
                State.FAILED,
                Optional.empty(),
                OptionalLong.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                Optional.of(reason),
                Optional.of("why " + name + " failed"));
    }

    /** A version that requests get while the next one is fetched. */
    static Adapter replacing(String name, long offset) {
        return new Adapter(
                name,
                State.READY,
                Optional.of(DIGEST),
                OptionalLong.of(offset),
                Optional.of(BASE),
                OptionalInt.of(3),
                Optional.empty(),
                Optional.empty());
    }

    /** Writes the state of a worker and a heartbeat with a timestamp. */
    static void write(Cluster cluster, WorkerStateRecord state, Instant seen) {
        try (Producer<String, byte[]> producer = cluster.producer()) {
            String topic = Topics.DEFAULT.workerState();
            producer.send(new ProducerRecord<>(topic, state.worker(), TopicJson.write(state)));
            producer.send(new ProducerRecord<>(
                    topic,
                    null,
                    seen.toEpochMilli(),
                    state.worker() + WorkerStateRecord.HEARTBEAT_SUFFIX,
                    TopicJson.write(new Heartbeat(seen, 1, 2))));
            producer.flush();
        }
    }

    static Instant gone() {
        return Instant.now().minus(WorkerStates.GONE_AFTER).minusSeconds(1);
    }

    /** Writes the tombstones of a worker. */
    static void remove(Cluster cluster, String worker) {
        try (Producer<String, byte[]> producer = cluster.producer()) {
            String topic = Topics.DEFAULT.workerState();
            producer.send(new ProducerRecord<>(topic, worker, null));
            producer.send(new ProducerRecord<>(topic, worker + WorkerStateRecord.HEARTBEAT_SUFFIX, null));
            producer.flush();
        }
    }
}
