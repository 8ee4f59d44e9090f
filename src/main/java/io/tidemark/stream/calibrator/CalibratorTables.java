package io.tidemark.stream.calibrator;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.KafkaThread;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.Time;
import io.tidemark.topic.TopicReader;
import java.time.Duration;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.IsolationLevel;

/**
 * The tables of calibration states and boundaries. The calibrator reads them up to the high watermark before it uses
 * them. The high watermark includes open transactions, so that the state is at least as new as the input offset that
 * was committed with it. Not thread-safe; used by the calibrator's thread only.
 */
final class CalibratorTables implements AutoCloseable {

    /** How long a read may stall: longer than the broker takes to abort a crashed calibrator's transaction. */
    private static final Duration PAUSE = Duration.ofSeconds(30);

    private final Time time;
    private final Admin admin;
    private final TopicReader<byte[]> stateReader;
    private final TopicReader<byte[]> boundaryReader;
    private final CalibrationStateTable states = new CalibrationStateTable();
    private final BoundaryView boundaries = new BoundaryView();

    CalibratorTables(KafkaThread thread, TopicLayout topics) {
        time = thread.time();
        admin = thread.kafka().newAdmin();
        stateReader = reader(thread, topics.calibrationState());
        boundaryReader = reader(thread, topics.boundaries());
        try {
            stateReader.addFromBeginning(topics.calibrationState());
            boundaryReader.addFromBeginning(topics.boundaries());
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static TopicReader<byte[]> reader(KafkaThread thread, String topic) {
        return thread.newTopicReader(topic, IsolationLevel.READ_COMMITTED, TopicSettings.MAX_RECORD_BYTES);
    }

    /** Reads the states up to the current high watermark and returns them. */
    CalibrationStateTable refreshStates() {
        stateReader.readToHighWatermark(admin, states::apply, PAUSE);
        return states;
    }

    /** The states as of the last refresh. */
    CalibrationStateTable states() {
        return states;
    }

    /** Reads the boundaries up to the current high watermark and returns them. */
    BoundaryView refreshBoundaries() {
        boundaryReader.readToHighWatermark(admin, boundaries::apply, PAUSE);
        return boundaries;
    }

    /** Reads both tables up to the current high watermarks, and returns what the rule reads of them. */
    RuleSnapshot snapshot(String adapter, LoadedVersion version, Mode mode) {
        refreshStates();
        refreshBoundaries();
        return RuleSnapshot.of(states, boundaries, adapter, version, mode, time.instant());
    }

    @Override
    public void close() {
        admin.close();
        stateReader.close();
        boundaryReader.close();
    }
}
