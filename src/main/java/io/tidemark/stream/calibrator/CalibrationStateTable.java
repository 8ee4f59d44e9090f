package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.calibration.rule.CalibrationState.CountedBefore;
import io.tidemark.calibration.rule.EpochState;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.text.LogText;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/** The topic {@code calibration-state} as a table. Not thread-safe; used by the calibrator's thread only. */
final class CalibrationStateTable {

    private static final Logger LOG = Logger.getLogger(CalibrationStateTable.class);

    /** The states of this many digests of an adapter stay, so that a version that comes back goes on. */
    private static final int KEPT_DIGESTS = 8;

    /** @param offset place of the record, which orders the claims of all partitions: the topic has one partition */
    private record Row(CalibrationState state, long offset) {}

    /** The rows of each adapter, by key. */
    private final Map<String, Map<String, Row>> adapters = new HashMap<>();

    private final Map<String, String> adapterOfKey = new HashMap<>();

    /** Applies one record of the topic. An invalid value has the effect of a tombstone. */
    void apply(ConsumerRecord<byte[], byte[]> record) {
        if (record.key() == null) {
            return;
        }
        String key = new String(record.key(), StandardCharsets.UTF_8);
        remove(key);
        if (record.value() == null) {
            return;
        }
        try {
            CalibrationState state = CalibrationState.of(CalibrationStateRecord.parse(key, record.value()));
            adapterOfKey.put(key, state.adapter());
            adapters.computeIfAbsent(state.adapter(), adapter -> new HashMap<>())
                    .put(key, new Row(state, record.offset()));
        } catch (IllegalArgumentException e) {
            LOG.warnf(
                    "calibration state '%s' is invalid and starts empty: %s",
                    LogText.of(key), LogText.of(e.getMessage()));
        }
    }

    private void remove(String key) {
        String adapter = adapterOfKey.remove(key);
        if (adapter != null) {
            Map<String, Row> rows = adapters.get(adapter);
            rows.remove(key);
            if (rows.isEmpty()) {
                adapters.remove(adapter);
            }
        }
    }

    private Stream<Row> rows(String adapter, LoadedVersion version) {
        return adapters.getOrDefault(adapter, Map.of()).values().stream()
                .filter(row -> row.state().version().equals(version));
    }

    private Optional<CalibrationState> find(String adapter, String key) {
        return Optional.ofNullable(adapters.getOrDefault(adapter, Map.of()).get(key))
                .map(Row::state);
    }

    /** The state of one input partition for a version; empty if there is none. */
    CalibrationState get(String adapter, int inputPartition, LoadedVersion version) {
        CalibrationState empty = CalibrationState.empty(adapter, inputPartition, version);
        return find(adapter, empty.key())
                .map(found -> found.forVersion(version))
                .orElse(empty);
    }

    /**
     * What a partition counts in its epoch.
     *
     * @param settings those of the calibrator that wrote the state
     * @param offset   where the state was written
     */
    record CountingRow(
            int partition, EpochState epoch, Optional<InForce> shadow, Map<String, String> settings, long offset) {}

    /** What the partitions count of a version, in the order of the partitions. */
    List<CountingRow> counting(String adapter, LoadedVersion version) {
        return rows(adapter, version)
                .filter(row -> row.state().epoch().isPresent())
                .map(row -> new CountingRow(
                        row.state().inputPartition(),
                        row.state().epoch().orElseThrow(),
                        row.state().shadow(),
                        row.state().settings(),
                        row.offset()))
                .sorted(Comparator.comparingInt(CountingRow::partition))
                .toList();
    }

    /** Whether a batch with this id was counted for a version, on any input partition. */
    CountedBefore counted(String adapter, LoadedVersion version, String batchId, String content) {
        return rows(adapter, version)
                .map(row -> row.state().counted(batchId, content))
                .filter(counted -> counted != CountedBefore.NO)
                .findFirst()
                .orElse(CountedBefore.NO);
    }

    /** Whether the input partition of {@code state} has claimed the batch at this offset. */
    boolean hasClaimed(CalibrationState state, String batchId, long offset) {
        return find(state.adapter(), state.key())
                .filter(found ->
                        found.claims(batchId) && found.claim().orElseThrow().offset() == offset)
                .isPresent();
    }

    /** The states of other input partitions that claimed the batch before the input partition of {@code state}. */
    List<CalibrationState> earlierClaims(CalibrationState state, LoadedVersion version, String batchId) {
        Row own = adapters.getOrDefault(state.adapter(), Map.of()).get(state.key());
        long ownOffset = own == null ? Long.MAX_VALUE : own.offset();
        return rows(state.adapter(), version)
                .filter(row -> row.offset() < ownOffset && row.state().claims(batchId))
                .map(Row::state)
                .toList();
    }

    /**
     * The keys of the states that a new state makes outdated: those of the same adapter and partition whose adapter
     * digest is not among the last eight digests of the adapter that were written.
     */
    List<String> outdated(CalibrationState written) {
        Map<String, Row> rows = adapters.getOrDefault(written.adapter(), Map.of());
        Map<String, Long> lastWritten = new HashMap<>();
        rows.values().forEach(row -> lastWritten.merge(row.state().version().digest(), row.offset(), Math::max));
        lastWritten.put(written.version().digest(), Long.MAX_VALUE);
        List<String> kept = lastWritten.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .limit(KEPT_DIGESTS)
                .map(Map.Entry::getKey)
                .toList();
        return rows.entrySet().stream()
                .filter(entry -> entry.getValue().state().inputPartition() == written.inputPartition())
                .filter(entry ->
                        !kept.contains(entry.getValue().state().version().digest()))
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
    }
}
