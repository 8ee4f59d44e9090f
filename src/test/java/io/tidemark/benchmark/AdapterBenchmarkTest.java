package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.AdapterBenchmark.Run;
import io.tidemark.benchmark.LoadGapsBenchmark.Gaps;
import io.tidemark.fixture.FixtureModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the benchmark of many adapters")
class AdapterBenchmarkTest {

    @Test
    @DisplayName(
            "answers all requests within the budget, loads what it must, and loads nothing where all are in memory")
    void measures() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                SyntheticAdapterFolder folder =
                        SyntheticAdapterFolder.write(fixture.model().config(), 6, 2, 4)) {
            Path first = folder.adapters().get("adapter-00000");
            long budget = 3 * fixture.load("probe", first).bytes();
            AdapterLoad load = new AdapterLoad(folder.adapters(), budget, 40, 2, 2);
            AdapterBenchmark benchmark = new AdapterBenchmark(fixture.model(), load);
            Run bounded = benchmark.bounded();
            assertThat(bounded.mostBytes()).isPositive().isLessThanOrEqualTo(budget);
            assertThat(bounded.stats().evictions()).isPositive();
            assertThat(bounded.stats().leases()).isEqualTo(40);
            assertThat(bounded.hitRate()).isStrictlyBetween(0.0, 1.0);
            assertThat(bounded.tokensPerSecond()).isPositive();
            AtomicInteger used = new AtomicInteger();
            Run resident = benchmark.resident(used::set);
            assertThat(used.get()).isBetween(4, 6);
            assertThat(resident.hitRate()).isEqualTo(1);
            assertThat(resident.stats().loads()).isZero();
            Gaps gaps = new LoadGapsBenchmark(fixture.model(), load).run(1);
            assertThat(gaps.quiet()).isNotEmpty().isSorted();
            assertThat(gaps.loading()).isNotEmpty().isSorted();
            assertThat(gaps.loads()).isPositive();
            assertThat(first).exists();
            folder.close();
            assertThat(Files.exists(first.getParent())).isFalse();
        }
    }

    @Test
    @DisplayName("refuses to wait for loads that a budget of one adapter would never allow beside the rows")
    void needsRoomForTwo() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                SyntheticAdapterFolder folder =
                        SyntheticAdapterFolder.write(fixture.model().config(), 2, 1, 4)) {
            long one = fixture.load("probe", folder.adapters().get("adapter-00000"))
                    .bytes();
            LoadGapsBenchmark benchmark =
                    new LoadGapsBenchmark(fixture.model(), new AdapterLoad(folder.adapters(), 2 * one - 1, 4, 2, 2));
            assertThatThrownBy(() -> benchmark.run(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("two adapters");
        }
    }

    @Test
    @DisplayName("asks for the k-th adapter in proportion to 1 / k")
    void zipf() {
        ZipfDistribution popularity = new ZipfDistribution(3, 1);
        SplittableRandom random = new SplittableRandom(7);
        int[] counts = new int[3];
        for (int i = 0; i < 110_000; i++) {
            counts[popularity.next(random)]++;
        }
        // 1 + 1/2 + 1/3 = 11/6; five standard deviations of a count are at most 830
        assertThat(List.of(counts[0], counts[1], counts[2]))
                .zipSatisfy(
                        List.of(60_000, 30_000, 20_000),
                        (count, expected) -> assertThat(count).isCloseTo(expected, within(830)));
    }
}
