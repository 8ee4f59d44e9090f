package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.text.LogText;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/** The topic {@code calibration-state} as a table. Not thread-safe; used by the calibrator's thread only. */
final class CalibrationStateTable {

    private static final Logger LOG = Logger.getLogger(CalibrationStateTable.class);

    private final Map<String, CalibrationState> states = new HashMap<>();

    /** Applies one record of the topic. An invalid value has the effect of a tombstone. */
    void apply(ConsumerRecord<byte[], byte[]> record) {
        if (record.key() == null) {
            return;
        }
        String key = new String(record.key(), StandardCharsets.UTF_8);
        states.remove(key);
        if (record.value() == null) {
            return;
        }
        try {
            states.put(key, CalibrationState.parse(key, record.value()));
        } catch (IllegalArgumentException e) {
            LOG.warnf(
                    "calibration state '%s' is invalid and starts empty: %s",
                    LogText.of(key), LogText.of(e.getMessage()));
        }
    }

    /** The state of one input partition for a version; empty if there is none. */
    CalibrationState get(String adapter, int inputPartition, LoadedVersion version) {
        CalibrationState state = states.get(CalibrationState.key(adapter, inputPartition));
        return state == null ? CalibrationState.empty(adapter, inputPartition, version) : state.forVersion(version);
    }

    /** Whether the statistics of a version already include a batch, on any input partition. */
    boolean hasCounted(String adapter, LoadedVersion version, String batchId) {
        return states.values().stream()
                .anyMatch(
                        state -> state.adapter().equals(adapter) && state.isFor(version) && state.hasCounted(batchId));
    }

    /** The statistics of all input partitions for a version, with {@code newer} in place of its predecessor. */
    CurveStatistics mergedWith(CalibrationState newer, LoadedVersion version) {
        Map<String, CalibrationState> all = new HashMap<>(states);
        all.put(newer.key(), newer);
        List<CalibrationState> ofAdapter = all.values().stream()
                .filter(state -> state.adapter().equals(newer.adapter()))
                .toList();
        return CalibrationState.merge(version, ofAdapter);
    }
}
