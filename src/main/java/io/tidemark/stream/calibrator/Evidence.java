package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.AdapterEvidence;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.CalibrationStateFormat;
import io.tidemark.calibration.StateEntry;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/** The topic {@code calibration-state} as a table. Belongs to the calibrator's thread. */
final class Evidence {

    private static final Logger LOG = Logger.getLogger(Evidence.class);

    private final CalibrationStateFormat format = new CalibrationStateFormat();
    private final Map<String, CalibrationState> states = new HashMap<>();

    /** Takes one record of the topic. */
    void apply(ConsumerRecord<byte[], byte[]> state) {
        if (state.key() == null) {
            return;
        }
        String key = new String(state.key(), StandardCharsets.UTF_8);
        StateEntry entry = format.read(key, state.value());
        if (entry instanceof StateEntry.Present present) {
            states.put(key, present.state());
            return;
        }
        states.remove(key);
        if (entry instanceof StateEntry.Broken broken) {
            LOG.warnf("the state of '%s' can't be read and starts afresh: %s", key, broken.message());
        }
    }

    /** What one input partition has taught about a version so far. */
    CalibrationState of(String adapter, int inputPartition, LoadedVersion version) {
        CalibrationState state = states.get(CalibrationState.key(adapter, inputPartition));
        return state == null ? CalibrationState.fresh(adapter, inputPartition, version) : state.forVersion(version);
    }

    /** What all input partitions have taught about a version, with {@code newer} in the place of its own key. */
    AdapterEvidence with(CalibrationState newer, LoadedVersion version) {
        Map<String, CalibrationState> all = new HashMap<>(states);
        all.put(newer.key(), newer);
        return new AdapterEvidence(
                version,
                all.values().stream()
                        .filter(state -> state.adapter().equals(newer.adapter()))
                        .toList());
    }

    byte[] write(CalibrationState state) {
        return format.write(state);
    }
}
