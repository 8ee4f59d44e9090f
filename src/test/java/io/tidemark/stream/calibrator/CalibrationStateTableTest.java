package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.calibration.ExampleScore;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Logger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The calibration state table")
class CalibrationStateTableTest {

    private static final LoadedVersion VERSION = new LoadedVersion("smollm2", "3fa2", 1);
    private static final List<ExampleScore> SCORES = List.of(new ExampleScore(1, List.of(-2.0, -1.0)));

    private final CalibrationStateTable table = new CalibrationStateTable();
    private final CalibrationState state =
            CalibrationState.empty("gsm", 0, VERSION).plus("b1", SCORES);

    @Test
    @DisplayName("Counts a batch once on whichever partition it arrives, for the version that scored it")
    void countsBatchesOnce() {
        apply("gsm/0", state.toJson());
        apply("gsm/1", CalibrationState.empty("gsm", 1, VERSION).toJson());
        assertThat(table.hasCounted("gsm", VERSION, "b1")).isTrue();
        assertThat(table.hasCounted("gsm", VERSION, "b2")).isFalse();
        assertThat(table.hasCounted("e2e", VERSION, "b1")).isFalse();
        assertThat(table.hasCounted("gsm", new LoadedVersion("smollm2", "ffff", 1), "b1"))
                .isFalse();
    }

    @Test
    @DisplayName("Merges a newer state with the states of the other partitions of the adapter")
    void mergesPartitions() {
        apply("gsm/0", state.toJson());
        apply(
                "e2e/0",
                CalibrationState.empty("e2e", 0, VERSION).plus("b9", SCORES).toJson());
        CalibrationState newer = state.plus("b2", SCORES);
        assertThat(table.mergedWith(newer, VERSION).count()).isEqualTo(2);
        CalibrationState other = table.get("gsm", 1, VERSION).plus("b3", SCORES);
        assertThat(table.mergedWith(other, VERSION).count()).isEqualTo(2);
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
            apply("gsm\nERROR forged/0", "{oops".getBytes(StandardCharsets.UTF_8));
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
        for (byte[] value : new byte[][] {null, "{oops".getBytes(StandardCharsets.UTF_8)}) {
            apply("gsm/0", state.toJson());
            assertThat(table.get("gsm", 0, VERSION)).isEqualTo(state);
            apply("gsm/0", value);
            assertThat(table.get("gsm", 0, VERSION).statistics()).isEqualTo(CurveStatistics.empty(1));
        }
    }

    private void apply(String key, byte[] value) {
        table.apply(new ConsumerRecord<>("s", 0, 0, key.getBytes(StandardCharsets.UTF_8), value));
    }
}
