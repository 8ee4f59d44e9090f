package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.LayoutBenchmark.Cell;
import io.tidemark.benchmark.LayoutBenchmark.Rates;
import io.tidemark.benchmark.LayoutBenchmark.Requests;
import io.tidemark.fixture.FixtureModel;
import java.time.Duration;
import java.util.List;
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
        List<Rates> measured = bench.run(cells, 2, Duration.ofMillis(200), 64);
        assertThat(measured).extracting(Rates::cell).containsExactlyElementsOf(cells);
        assertThat(measured).allSatisfy(each -> {
            assertThat(each.rates()).hasSameSizeAs(bench.compared());
            assertThat(each.rates()).allSatisfy(rates -> assertThat(rates).hasSize(2).allMatch(rate -> rate > 0));
        });
    }

    @Test
    @DisplayName("A request that can't run ends the benchmark with the reason")
    void refused() {
        LayoutBenchmark bench = new LayoutBenchmark(fixture.model(), List.of(), new Requests(600, 16));
        assertThatThrownBy(() -> bench.run(List.of(new Cell(1, false)), 1, Duration.ofMillis(100), 64))
                .rootCause()
                .hasMessageContaining("context of 512");
    }

    @Test
    @DisplayName("The ratio compares the default with the fixed layout that has the highest median, round by round")
    void ratio() {
        Rates rates = new Rates(
                new Cell(8, false),
                List.of(List.of(10.0, 20.0, 30.0), List.of(8.0, 9.0, 7.0), List.of(5.0, 20.0, 60.0)));
        assertThat(rates.bestFixed()).isEqualTo(2);
        assertThat(rates.ratios()).containsExactly(2.0, 1.0, 0.5);
        assertThat(rates.interval()[0]).isCloseTo(0.5, within(1e-9));
        assertThat(rates.interval()[1]).isCloseTo(2.0, within(1e-9));
    }
}
