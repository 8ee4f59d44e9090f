package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.sampling.SamplingParams;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Random numbers of GenerationParams")
class GenerationParamsTest {

    private static final int COUNT = 100_000;

    @Test
    @DisplayName("Random numbers are a fixed function of seed, choice and position")
    void areAFunction() {
        assertThat(uniform(7, 0, 0)).isEqualTo(uniform(7, 0, 0));
        // A retry by a later release uses the same numbers: these values must not change.
        assertThat(new double[] {uniform(7, 0, 0), uniform(7, 1, 5), uniform(-1, 0, 4095)})
                .containsExactly(0.950161381935685, 0.7544147035541824, 0.3286823571519544);
    }

    @Test
    @DisplayName("Random numbers are uniform in [0, 1) along positions, seeds and choices")
    void areUniform() {
        assertUniform(i -> uniform(42, 0, i));
        assertUniform(i -> uniform(i, 0, 0));
        assertUniform(i -> uniform(42, i, 3));
        assertUniform(i -> uniform((long) i << 32, 0, 0));
    }

    @Test
    @DisplayName("Random numbers are not correlated with those of the next position, choice or seed")
    void areIndependent() {
        assertUncorrelated(i -> uniform(42, 0, i), i -> uniform(42, 0, i + 1));
        assertUncorrelated(i -> uniform(42, 0, i), i -> uniform(42, 1, i));
        assertUncorrelated(i -> uniform(42, 0, i), i -> uniform(43, 0, i));
        assertUncorrelated(i -> uniform(i, 0, 0), i -> uniform(i, 0, 1));
    }

    @Test
    @DisplayName("Random numbers are distinct for nearby seeds, choices and positions")
    void doNotCollide() {
        Set<Double> seen = new HashSet<>();
        for (int seed = -10; seed < 10; seed++) {
            for (int choice = 0; choice < 20; choice++) {
                for (int position = 0; position < 100; position++) {
                    assertThat(seen.add(uniform(seed, choice, position))).isTrue();
                }
            }
        }
    }

    private static double uniform(long seed, int choice, int position) {
        return new GenerationParams(StopConditions.after(1), SamplingParams.GREEDY, seed, 1, OptionalInt.empty())
                .uniform(choice, position);
    }

    private static void assertUniform(IntToDoubleFunction numbers) {
        int[] buckets = new int[100];
        IntStream.range(0, COUNT).mapToDouble(numbers).forEach(u -> buckets[(int) (u * buckets.length)]++);
        double expected = (double) COUNT / buckets.length;
        double chiSquare = IntStream.of(buckets)
                .mapToDouble(n -> (n - expected) * (n - expected) / expected)
                .sum();
        // With 99 degrees of freedom, values above 160 or below 50 have a probability of one in ten thousand each.
        assertThat(chiSquare).isBetween(50.0, 160.0);
    }

    private static void assertUncorrelated(IntToDoubleFunction a, IntToDoubleFunction b) {
        double covariance = IntStream.range(0, COUNT)
                .mapToDouble(i -> (a.applyAsDouble(i) - 0.5) * (b.applyAsDouble(i) - 0.5))
                .average()
                .orElseThrow();
        assertThat(Math.abs(covariance * 12)).isLessThan(4 / Math.sqrt(COUNT));
    }
}
