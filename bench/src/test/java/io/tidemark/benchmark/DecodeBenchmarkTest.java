package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.benchmark.DecodeBenchmark.Speed;
import io.tidemark.benchmark.DecodeBenchmark.Variant;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.sampling.SamplingParams;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Decode benchmark")
class DecodeBenchmarkTest {

    @Test
    @DisplayName("Each variant has one speed per repetition and a JVM share between 0 and 1")
    void measuresEachUse() {
        try (DemoModel demo = new DemoModel();
                DecodeBenchmark bench = new DecodeBenchmark(
                        demo.model(), List.of(demo.adapter("describe"), demo.adapter("extract")), 5, 2)) {
            List<List<Speed>> speeds = bench.run(
                    3,
                    List.of(
                            new Variant("base", 0, new Boundary(0)),
                            new Variant("two", 2, new Boundary(6)),
                            new Variant("one", 1, new Boundary(2)),
                            new Variant("masks", 0, new Boundary(0), SamplingParams.GREEDY, OptionalDouble.of(0.1), 0),
                            new Variant("sampled", 0, new Boundary(0), SamplingParams.at(1), OptionalDouble.of(1), 0),
                            Variant.ofPrompt("prompt", 2, new Boundary(6), 40)),
                    2);
            assertThat(speeds)
                    .hasSize(6)
                    .allSatisfy(runs -> assertThat(runs).hasSize(2).allSatisfy(speed -> {
                        assertThat(speed.tokensPerSecond()).isPositive();
                        assertThat(speed.jvmShare()).isBetween(0.0, 1.0);
                    }));
        }
    }
}
