package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.LayoutBenchmark.Cell;
import io.tidemark.benchmark.LayoutBenchmark.Rates;
import io.tidemark.benchmark.LayoutBenchmark.Requests;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.layout.EngineLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("Layout benchmark")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LayoutBenchmarkTest {

    @AutoClose
    private final FixtureModel fixture = FixtureModel.load("llama-gqa");

    @Test
    @DisplayName("Every cell has a rate for each layout and round, with and without adapters")
    void rates() {
        LayoutBenchmark bench = new LayoutBenchmark(
                fixture.model(), List.of(fixture.adapter("all"), fixture.adapter("qv")), new Requests(20, 16));
        List<Cell> cells = List.of(new Cell(1, false), new Cell(3, true));
        List<Rates> measured = new ArrayList<>();
        bench.run(cells, 2, Duration.ofMillis(100), Duration.ofMillis(100), 64, measured::add);
        assertThat(measured).extracting(Rates::cell).containsExactlyElementsOf(cells);
        assertThat(measured).allSatisfy(each -> {
            assertThat(each.rates()).hasSameSizeAs(bench.compared());
            assertThat(each.rates())
                    .allSatisfy(rates -> assertThat(rates).hasSize(2).allMatch(rate -> rate > 0));
            assertThat(each.jointPerStep()).isBetween(0.0, 0.5);
        });
        assertThat(measured.get(0).jointPerStep()).isZero();
    }

    @Test
    @DisplayName("The warm-ups of all layouts take at least the time that is asked for")
    void warmUp() {
        LayoutBenchmark bench = new LayoutBenchmark(fixture.model(), List.of(), new Requests(20, 16));
        Duration warmUp = Duration.ofMillis(1500);
        long start = System.nanoTime();
        bench.run(List.of(new Cell(1, false)), 2, warmUp, Duration.ofMillis(50), 64, rates -> {});
        assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isGreaterThan(warmUp.multipliedBy(bench.compared().size()));
    }

    @Test
    @DisplayName("A request that can't run ends the benchmark with the reason")
    void refused() {
        LayoutBenchmark bench = new LayoutBenchmark(fixture.model(), List.of(), new Requests(600, 16));
        Duration time = Duration.ofMillis(100);
        assertThatThrownBy(() -> bench.run(List.of(new Cell(1, false)), 1, time, time, 64, rates -> {}))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("context of 512");
    }

    @Test
    @DisplayName(
            "A round compares the default with the fixed layout that is the fastest in the other half of the rounds")
    void ratio() {
        Rates rates = new Rates(
                new Cell(8, false),
                List.of(List.of(10.0, 20.0, 40.0, 40.0), List.of(8.0, 9.0, 7.0, 9.0), List.of(5.0, 20.0, 80.0, 40.0)),
                0);
        assertThat(rates.ratio()).isCloseTo(1, within(1e-9));
        // the logarithms are ln 2, 0, -ln 2 and 0: standard error ln 2 / sqrt(6), and t is 3.1824
        double half = 3.1824 * Math.log(2) / Math.sqrt(6);
        assertThat(rates.interval()[0]).isCloseTo(Math.exp(-half), within(1e-3));
        assertThat(rates.interval()[1]).isCloseTo(Math.exp(half), within(1e-2));
        Rates outliers =
                new Rates(new Cell(8, false), List.of(List.of(4.0, 4.0), List.of(8.0, 2.0), List.of(2.0, 8.0)), 0);
        assertThat(outliers.ratio()).isCloseTo(2, within(1e-9));
    }

    @Test
    @DisplayName("With three equal layouts the ratio is 1 on average, and the interval covers it in 93 of 100 cases")
    void coverage() {
        Random random = new Random(4);
        int covered = 0;
        double logs = 0;
        for (int i = 0; i < 2000; i++) {
            List<List<Double>> measured = IntStream.range(0, 3)
                    .mapToObj(layout -> random.doubles(7)
                            .mapToObj(any -> Math.exp(0.05 * random.nextGaussian()))
                            .toList())
                    .toList();
            Rates rates = new Rates(new Cell(1, false), measured, 0);
            double[] interval = rates.interval();
            covered += interval[0] <= 1 && 1 <= interval[1] ? 1 : 0;
            logs += Math.log(rates.ratio());
        }
        assertThat(covered).isBetween(1830, 1930);
        assertThat(logs / 2000).isCloseTo(0, within(0.002));
    }

    @Test
    @DisplayName("Fixed layouts use all processors")
    void processors() {
        assertThat(LayoutBenchmark.fixed(1)).containsExactly(EngineLayout.single(1));
        assertThat(LayoutBenchmark.fixed(6))
                .containsExactly(EngineLayout.fixed(6, 1), EngineLayout.fixed(3, 2), EngineLayout.single(6));
        for (int processors = 1; processors <= 64; processors++) {
            int all = processors;
            assertThat(LayoutBenchmark.fixed(processors))
                    .allMatch(layout -> layout.instances() * layout.threads() == all);
        }
    }
}
