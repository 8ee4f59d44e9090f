package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.benchmark.AdapterBenchmark.InterTokenLatencies;
import io.tidemark.benchmark.AdapterBenchmark.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Adapter benchmark")
class AdapterBenchmarkTest {

    @Test
    @DisplayName("A bounded run stays within the budget and evicts; a run with all adapters in memory loads nothing")
    void measures() {
        try (DemoModel demo = new DemoModel();
                SyntheticAdapters folder = SyntheticAdapters.write(demo.model().config(), 6, 2, 4)) {
            Path first = folder.folders().get("adapter-00000");
            long budget = 3 * demo.load("probe", first).bytes();
            AdapterWorkload workload = new AdapterWorkload(folder.folders(), budget, 40, 2, 2);
            AdapterBenchmark benchmark = new AdapterBenchmark(demo.model(), workload);
            Run bounded = benchmark.bounded();
            assertThat(bounded.maxAdapterBytes()).isPositive().isLessThanOrEqualTo(budget);
            assertThat(bounded.stats().evictions()).isPositive();
            assertThat(bounded.stats().leases()).isEqualTo(40);
            assertThat(bounded.hitRate()).isStrictlyBetween(0.0, 1.0);
            assertThat(bounded.tokensPerSecond()).isPositive();
            AtomicInteger used = new AtomicInteger();
            Run resident = benchmark.resident(used::set);
            assertThat(used.get()).isBetween(4, 6);
            assertThat(resident.hitRate()).isEqualTo(1);
            assertThat(resident.stats().loads()).isZero();
            InterTokenLatencies latencies = benchmark.interTokenLatencies(1);
            assertThat(latencies.quiet()).isNotEmpty().isSorted();
            assertThat(latencies.loading()).isNotEmpty().isSorted();
            assertThat(latencies.loads()).isPositive();
            assertThat(first).exists();
            folder.close();
            assertThat(Files.exists(first.getParent())).isFalse();
        }
    }

    @Test
    @DisplayName("A budget of less than two adapters is rejected before loads are measured")
    void needsTwoAdapters() {
        try (DemoModel demo = new DemoModel();
                SyntheticAdapters folder = SyntheticAdapters.write(demo.model().config(), 2, 1, 4)) {
            long one = demo.load("probe", folder.folders().get("adapter-00000")).bytes();
            AdapterBenchmark benchmark =
                    new AdapterBenchmark(demo.model(), new AdapterWorkload(folder.folders(), 2 * one - 1, 4, 2, 2));
            assertThatThrownBy(() -> benchmark.interTokenLatencies(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("two adapters");
        }
    }

    @Test
    @DisplayName("The k-th adapter is requested in proportion to 1 / k")
    void zipf() {
        AdapterWorkload.Zipf popularity = new AdapterWorkload.Zipf(3);
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
