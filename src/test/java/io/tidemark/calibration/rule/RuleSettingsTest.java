package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The settings of the boundary rule")
class RuleSettingsTest {

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "alpha, 0, 0.02, 1, 0.5, 32, 4, 64, 10000, 2000",
        "alpha, 1, 0.02, 1, 0.5, 32, 4, 64, 10000, 2000",
        "margin, 0.05, -0.1, 1, 0.5, 32, 4, 64, 10000, 2000",
        "margin, 0.05, NaN, 1, 0.5, 32, 4, 64, 10000, 2000",
        "loss-cap, 0.05, 0.02, 0.02, 0.5, 32, 4, 64, 10000, 2000",
        "loss-cap, 0.05, 0.02, Infinity, 0.5, 32, 4, 64, 10000, 2000",
        "gain-cap, 0.05, 0.02, 1, 0, 32, 4, 64, 10000, 2000",
        "min-samples, 0.05, 0.02, 1, 0.5, 1, 4, 64, 10000, 2000",
        "min-samples, 0.05, 0.02, 1, 0.5, 101, 4, 64, 10000, 100",
        "min-batches, 0.05, 0.02, 1, 0.5, 32, 0, 64, 10000, 2000",
        "min-batches, 0.05, 0.02, 1, 0.5, 32, 101, 64, 10000, 100",
        "batch-examples, 0.05, 0.02, 1, 0.5, 32, 4, 0, 10000, 2000",
        "false-alarm-examples, 0.05, 0.02, 1, 0.5, 32, 4, 64, 1, 2000",
        "false-alarm-examples, 0.05, 0.02, 1, 0.5, 32, 4, 64, NaN, 2000",
        "epoch-examples, 0.05, 0.02, 1, 0.5, 32, 4, 64, 10000, 4001"
    })
    @DisplayName("A value out of range is refused with the name of its setting")
    void outOfRange(
            String setting,
            double alpha,
            double margin,
            double lossCap,
            double gainCap,
            int minSamples,
            int minBatches,
            int batchExamples,
            double falseAlarmExamples,
            int epochExamples) {
        assertThatThrownBy(() -> new RuleSettings(
                        alpha,
                        margin,
                        lossCap,
                        gainCap,
                        minSamples,
                        minBatches,
                        batchExamples,
                        falseAlarmExamples,
                        epochExamples,
                        Optional.empty(),
                        OptionalInt.of(3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(setting);
    }

    @Test
    @DisplayName("The objective tolerance sets the margin, which is validated with the loss cap")
    void tolerance() {
        assertThat(RuleSettings.DEFAULT
                        .forObjective(Objective.parse("tolerance:0.1"))
                        .margin())
                .isEqualTo(0.1);
        assertThat(RuleSettings.DEFAULT.forObjective(Objective.parse("latency")))
                .isEqualTo(RuleSettings.DEFAULT);
        assertThatThrownBy(() -> RuleSettings.DEFAULT.forObjective(Objective.parse("tolerance:1")))
                .hasMessageContaining("loss-cap must be above margin");
    }

    @ParameterizedTest(name = "{0} of {1} layers: {2}")
    @CsvSource(delimiter = '|', textBlock = """
            2   | 30 | 0,30
            8   | 30 | 0,4,9,13,17,21,26,30
            3   | 5  | 0,3,5
            5   | 5  | 0,1,3,4,5
            6   | 5  | 0,1,2,3,4,5
            33  | 4  | 0,1,2,3,4
            9,3 | 12 | 0,3,9,12
            """)
    @DisplayName("A number gives evenly spaced candidates with halves rounded up, and a list gets 0 and L")
    void candidates(String written, int layers, String expected) {
        assertThat(Candidates.of(Optional.of(Candidates.parse(written)), layers))
                .isEqualTo(List.of(expected.split(",")).stream()
                        .map(Integer::valueOf)
                        .toList());
    }

    @Test
    @DisplayName("By default, all boundaries are candidates up to 16 layers, and 16 boundaries above")
    void defaultCandidates() {
        assertThat(RuleSettings.DEFAULT.candidates(16))
                .isEqualTo(IntStream.rangeClosed(0, 16).boxed().toList());
        assertThat(RuleSettings.DEFAULT.candidates(30))
                .containsExactly(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1", "0", "x", "3,", "3,-1", "34", "8;9"})
    @DisplayName("Other candidates are refused with the name of the setting")
    void noCandidates(String written) {
        assertThatThrownBy(() -> Candidates.parse(written))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("candidates must");
    }

    @Test
    @DisplayName("A listed candidate above the model's layers is refused")
    void candidateAboveLayers() {
        assertThatThrownBy(() -> Candidates.of(Optional.of(Candidates.parse("3,31")), 30))
                .hasMessageContaining("from 0 to 30");
    }
}
