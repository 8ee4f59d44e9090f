package io.tidemark.client;

import io.tidemark.message.AdapterVersion;
import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.CalibrationStateRecord;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Reads from the compacted topic {@code calibration-state} what calibrators have counted. */
public final class CalibrationStates {

    private final Cluster cluster;
    private final String topic;

    public CalibrationStates(Cluster cluster, Topics topics) {
        this.cluster = cluster;
        this.topic = topics.calibrationState();
    }

    private record Written<T>(long offset, T value) {}

    /**
     * How far the calibration of an adapter is.
     *
     * @param version  the version that a calibrator has scored last
     * @param examples number of examples in its epoch, over all partitions
     */
    public record Progress(AdapterVersion version, long examples) {}

    /** What is kept of a state. */
    private record Counted(String adapter, AdapterVersion version, int epoch, long examples) {

        private static Counted of(CalibrationStateRecord state) {
            return new Counted(
                    state.adapter(),
                    state.version(),
                    state.epoch().map(CalibrationEpochRecord::epoch).orElse(0),
                    state.epoch().map(epoch -> epoch.statistics().count()).orElse(0L));
        }
    }

    /**
     * Returns the latest state of every partition, base and compute type, the one that was written last at the end.
     * Values that are not states are ignored, as calibrators do.
     *
     * @throws ClientException if the topic cannot be read
     */
    public List<CalibrationStateRecord> read(String adapter) {
        return latest(key -> key.startsWith(adapter + "/"), state -> state).stream()
                .filter(state -> state.adapter().equals(adapter))
                .toList();
    }

    /**
     * Returns all adapters of which calibrators have a state.
     *
     * @throws ClientException if the topic cannot be read
     */
    public Map<String, Progress> progress() {
        Map<String, List<Counted>> byAdapter =
                latest(key -> true, Counted::of).stream().collect(Collectors.groupingBy(Counted::adapter));
        Map<String, Progress> progress = new HashMap<>();
        byAdapter.forEach((adapter, states) -> {
            AdapterVersion version = states.get(states.size() - 1).version();
            List<Counted> own = states.stream()
                    .filter(state -> state.version().equals(version))
                    .toList();
            int epoch = own.stream().mapToInt(Counted::epoch).max().orElse(0);
            progress.put(
                    adapter,
                    new Progress(
                            version,
                            own.stream()
                                    .filter(state -> state.epoch() == epoch)
                                    .mapToLong(Counted::examples)
                                    .sum()));
        });
        return progress;
    }

    /** The latest states by key, in the order in which they were written. */
    private <T> List<T> latest(Predicate<String> keys, Function<CalibrationStateRecord, T> kept) {
        Map<String, Written<T>> states = new HashMap<>();
        cluster.read(topic, Optional.empty(), record -> {
            if (record.key() == null || !keys.test(record.key())) {
                return;
            }
            states.remove(record.key());
            parse(record)
                    .ifPresent(state -> states.put(record.key(), new Written<>(record.offset(), kept.apply(state))));
        });
        return states.values().stream()
                .sorted(Comparator.comparingLong(Written::offset))
                .map(Written::value)
                .toList();
    }

    /** Parses a state; empty for an invalid one and for a tombstone. */
    private static Optional<CalibrationStateRecord> parse(ConsumerRecord<String, byte[]> record) {
        try {
            return Optional.of(CalibrationStateRecord.parse(record.key(), record.value()));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
