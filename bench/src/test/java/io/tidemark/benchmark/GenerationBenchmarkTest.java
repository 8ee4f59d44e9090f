package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.GenerationBenchmark.BenchmarkRow;
import io.tidemark.benchmark.GenerationBenchmark.RowTimes;
import io.tidemark.boundary.Boundary;
import io.tidemark.generation.EngineLimits;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Generation benchmark")
class GenerationBenchmarkTest {

    private static final EngineLimits LIMITS = new EngineLimits(8, 256, 64L << 20);

    @Test
    @DisplayName("Every row generates exactly the requested tokens, and its first token is before its last")
    void measuresRows() {
        try (DemoModel demo = new DemoModel();
                GenerationBenchmark bench = new GenerationBenchmark(demo.model(), LIMITS)) {
            GenerationCase line = new GenerationCase(5, 2, 3, 7, 40);
            List<BenchmarkRow> rows =
                    line.rows(List.of(demo.adapter("describe"), demo.adapter("extract")), 256, new Random(1));
            List<RowTimes> times = bench.measure(rows, line.newTokens());
            assertThat(times).hasSize(5).allSatisfy(row -> {
                assertThat(row.tokens()).isEqualTo(40);
                assertThat(row.first()).isPositive().isLessThan(row.last());
            });
        }
    }

    @Test
    @DisplayName("A greedy continuation uses the row's adapter, up to its boundary")
    void usesAdapterAndBoundary() {
        try (DemoModel demo = new DemoModel();
                GenerationBenchmark bench = new GenerationBenchmark(demo.model(), LIMITS)) {
            List<Integer> prompt = demo.tokens("Restaurant facts: name[The Mill], eatType[pub]\nDescription:");
            List<Integer> base = bench.greedy(new BenchmarkRow(prompt, Optional.empty(), new Boundary(0)), 12);
            assertThat(greedy(bench, prompt, demo, 0)).isEqualTo(base);
            assertThat(greedy(bench, prompt, demo, 8)).isNotEqualTo(base);
            assertThat(greedy(bench, prompt, demo, 1)).isNotEqualTo(greedy(bench, prompt, demo, 8));
        }
    }

    private static List<Integer> greedy(GenerationBenchmark bench, List<Integer> prompt, DemoModel demo, int layers) {
        return bench.greedy(new BenchmarkRow(prompt, Optional.of(demo.adapter("describe")), new Boundary(layers)), 12);
    }

    @Test
    @DisplayName("A row that cannot run fails the measurement")
    void refusedRow() {
        try (DemoModel demo = new DemoModel();
                GenerationBenchmark bench = new GenerationBenchmark(demo.model(), LIMITS)) {
            int tooMany = demo.model().config().contextLength();
            BenchmarkRow row = new BenchmarkRow(Collections.nCopies(tooMany, 5), Optional.empty(), new Boundary(6));
            assertThatThrownBy(() -> bench.measure(List.of(row), 8))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("context_length_exceeded");
        }
    }

    @Test
    @DisplayName("The decode rate is the sum of the rows' rates; the prefill rate ends with the last first token")
    void rates() {
        List<RowTimes> rows = List.of(new RowTimes(1, 3, 11), new RowTimes(2, 4, 21));
        assertThat(RowTimes.decodeRate(rows)).isCloseTo(10 / 2.0 + 20 / 2.0, within(1e-12));
        assertThat(RowTimes.prefillRate(rows, 100)).isCloseTo(50, within(1e-12));
        assertThat(RowTimes.decodeRate(List.of(new RowTimes(1, 1, 1)))).isZero();
    }

    @Test
    @DisplayName("Cases exclude more adapters than rows, and the base model has one boundary")
    void cases() {
        List<GenerationCase> cases = GenerationCase.of(List.of(1, 4), List.of(0, 1, 4), List.of(6, 2), 8, 8);
        assertThat(cases)
                .extracting(line -> List.of(line.rows(), line.adapters(), line.layers()))
                .containsExactly(
                        List.of(1, 0, 6),
                        List.of(1, 1, 6),
                        List.of(1, 1, 2),
                        List.of(4, 0, 6),
                        List.of(4, 1, 6),
                        List.of(4, 1, 2),
                        List.of(4, 4, 6),
                        List.of(4, 4, 2));
    }
}
