package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.SweepBenchmark.Measured;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.evaluation.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Sweep benchmark")
class SweepBenchmarkTest {

    @Test
    @DisplayName("The sweep has the scores of separate passes with exactly 1/2 + 1/(L+1) of the layer evaluations")
    void countsEvaluations() {
        try (DemoModel demo = new DemoModel()) {
            List<TokenizedExample> examples = Stream.of("The Mill is a pub.", "The Eagle is a cheap coffee shop.")
                    .map(text -> new TokenizedExample(demo.tokens("Description:"), demo.tokens(text)))
                    .toList();
            List<String> lines = new ArrayList<>();
            Measured measured = new SweepBenchmark(demo.model(), demo.adapter("describe"), new SweepLimits(128))
                    .compareWithPasses(examples, 2, lines::add);
            assertThat(measured.layers()).isEqualTo(8);
            // 1/2 + 1/(L+1) = (L+3) / 2(L+1)
            assertThat(measured.sweepEvaluations() * 2 * 9).isEqualTo(measured.passEvaluations() * 11);
            assertThat(measured.evaluationRatio()).isCloseTo(1 / 2.0 + 1 / 9.0, within(1e-15));
            assertThat(measured.largestDifference()).isLessThan(1e-5);
            assertThat(measured.sweepSeconds()).hasSize(2).allMatch(seconds -> seconds > 0);
            assertThat(measured.wallRatio()).isPositive();
            assertThat(lines).hasSize(4);
        }
    }

    @Test
    @DisplayName("The wall time ratio is a ratio of medians")
    void takesMedians() {
        assertThat(Spread.of(List.of(9.0, 1.0, 2.0)).median()).isEqualTo(2);
        assertThat(Spread.of(List.of(4.0, 1.0, 2.0, 9.0)).median()).isEqualTo(3);
        assertThat(new Measured(6, 27, 42, List.of(1.0, 1.0, 50.0), List.of(2.0, 2.0, 2.0), 0).wallRatio())
                .isEqualTo(0.5);
    }
}
