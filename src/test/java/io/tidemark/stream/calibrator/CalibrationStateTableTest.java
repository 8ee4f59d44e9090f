package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.CalibrationState;
import io.tidemark.calibration.rule.CalibrationState.CountedBefore;
import io.tidemark.calibration.rule.EpochState;
import io.tidemark.calibration.rule.EpochStates;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Logger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The calibration state table")
class CalibrationStateTableTest {

    private static final LoadedVersion VERSION = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 1);
    private static final EpochState ONE_EXAMPLE = EpochStates.counting(VERSION, 1);

    private final CalibrationStateTable table = new CalibrationStateTable();
    private long offset;

    private final CalibrationState state =
            CalibrationState.empty("gsm", 0, VERSION).plus("b1", "b8Xq0T_a", ONE_EXAMPLE, Optional.empty());

    @Test
    @DisplayName("Counts a batch once on whichever partition it arrives, for the version that scored it")
    void countsBatchesOnce() {
        apply(state);
        apply(CalibrationState.empty("gsm", 1, VERSION));
        assertThat(table.counted("gsm", VERSION, "b1", "b8Xq0T_a")).isEqualTo(CountedBefore.SAME);
        assertThat(table.counted("gsm", VERSION, "b2", "b8Xq0T_a")).isEqualTo(CountedBefore.NO);
        assertThat(table.counted("e2e", VERSION, "b1", "b8Xq0T_a")).isEqualTo(CountedBefore.NO);
        assertThat(table.counted("gsm", new LoadedVersion("smollm2", "ba5e", "fp32", "ffff", 1), "b1", "b8Xq0T_a"))
                .isEqualTo(CountedBefore.NO);
    }

    @Test
    @DisplayName("Has what each partition of an adapter counts, with the offset of its state")
    void partitions() {
        apply(CalibrationState.empty("gsm", 1, VERSION).plus("b2", "b8Xq0T_a", ONE_EXAMPLE, Optional.empty()));
        apply(state);
        apply(CalibrationState.empty("e2e", 0, VERSION).plus("b9", "b8Xq0T_a", ONE_EXAMPLE, Optional.empty()));
        apply(CalibrationState.empty("gsm", 2, VERSION).claiming("b3", "b8Xq0T_a", 7));
        assertThat(table.counting("gsm", VERSION))
                .containsExactly(
                        new CalibrationStateTable.CountingRow(0, ONE_EXAMPLE, Optional.empty(), Map.of(), 1),
                        new CalibrationStateTable.CountingRow(1, ONE_EXAMPLE, Optional.empty(), Map.of(), 0));
    }

    private static CalibrationState of(String digest, int partition) {
        return CalibrationState.empty("gsm", partition, new LoadedVersion("smollm2", "ba5e", "fp32", digest, 1));
    }

    @Test
    @DisplayName("Names the states of a partition that belong to none of the last eight digests, over all partitions")
    void outdated() {
        for (int digest = 0; digest < 8; digest++) {
            apply(of("d" + digest, 0));
        }
        apply(of("d0", 1));
        apply(of("d1", 1));
        assertThat(table.outdated(of("d7", 0))).isEmpty();
        // d0 and d1 were written last in partition 1, d2 is the oldest
        assertThat(table.outdated(of("new", 0))).containsExactly(of("d2", 0).key());
        assertThat(table.outdated(of("new", 1))).isEmpty();
        apply(of("new", 0));
        apply(of("newer", 0));
        assertThat(table.outdated(of("newest", 0)))
                .containsExactly(
                        of("d2", 0).key(), of("d3", 0).key(), of("d4", 0).key());
        assertThat(table.outdated(CalibrationState.empty("e2e", 0, VERSION))).isEmpty();
        // the states of a version that comes back are there
        assertThat(table.get("gsm", 0, of("d5", 0).version())).isEqualTo(of("d5", 0));
    }

    @Test
    @DisplayName("Logs the key of an invalid record as one line, whatever characters it has")
    void escapesKeys() {
        List<String> lines = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                lines.add(((ExtLogRecord) line).getFormattedMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger(CalibrationStateTable.class.getName());
        logger.addHandler(handler);
        try {
            apply("gsm\nERROR forged/0", bytes("{oops"));
        } finally {
            logger.removeHandler(handler);
        }
        assertThat(lines)
                .singleElement()
                .satisfies(line ->
                        assertThat(line).contains("'gsm\\nERROR forged/0'").doesNotContain("\n"));
    }

    @Test
    @DisplayName("Has no state after a tombstone or an invalid value")
    void tombstonesAndInvalidValues() {
        for (byte[] value : new byte[][] {null, bytes("{oops")}) {
            apply(state);
            assertThat(table.get("gsm", 0, VERSION)).isEqualTo(state);
            apply(state.key(), value);
            assertThat(table.get("gsm", 0, VERSION).epoch()).isEmpty();
        }
    }

    @Test
    @DisplayName("Keeps the state of a calibrator with another base digest or compute type")
    void otherBase() {
        apply(state);
        for (LoadedVersion other : List.of(
                new LoadedVersion("smollm2", "ffff", "fp32", "3fa2", 1),
                new LoadedVersion("smollm2", "ba5e", "int8", "3fa2", 1))) {
            assertThat(table.counted("gsm", other, "b1", "b8Xq0T_a")).isEqualTo(CountedBefore.NO);
            assertThat(table.counting("gsm", other)).isEmpty();
            apply(table.get("gsm", 0, other).plus("b2", "b8Xq0T_a", ONE_EXAMPLE, Optional.empty()));
            assertThat(table.counting("gsm", other)).hasSize(1);
        }
        assertThat(table.get("gsm", 0, VERSION)).isEqualTo(state);
        assertThat(table.counting("gsm", VERSION)).hasSize(1);
    }

    @Test
    @DisplayName("Orders the claims of two partitions by their offsets on the topic")
    void claims() {
        CalibrationState zero = CalibrationState.empty("gsm", 0, VERSION).claiming("b1", "b8Xq0T_a", 7);
        CalibrationState one = CalibrationState.empty("gsm", 1, VERSION).claiming("b1", "b8Xq0T_a", 3);
        assertThat(table.hasClaimed(zero, "b1", 7)).isFalse();
        apply(one);
        assertThat(table.earlierClaims(zero, VERSION, "b1")).containsExactly(one);
        apply(zero);
        assertThat(table.hasClaimed(zero, "b1", 7)).isTrue();
        assertThat(table.hasClaimed(zero, "b1", 8)).isFalse();
        assertThat(table.earlierClaims(zero, VERSION, "b1")).containsExactly(one);
        assertThat(table.earlierClaims(one, VERSION, "b1")).isEmpty();
        assertThat(table.earlierClaims(zero, VERSION, "b2")).isEmpty();
        apply(one.plus("b1", "b8Xq0T_a", ONE_EXAMPLE, Optional.empty()));
        assertThat(table.earlierClaims(zero, VERSION, "b1")).isEmpty();
        assertThat(table.counted("gsm", VERSION, "b1", "b8Xq0T_a")).isEqualTo(CountedBefore.SAME);
    }

    private void apply(CalibrationState newer) {
        apply(newer.key(), TopicJson.write(newer.toRecord()));
    }

    private void apply(String key, byte[] value) {
        table.apply(new ConsumerRecord<>("s", 0, offset++, bytes(key), value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
