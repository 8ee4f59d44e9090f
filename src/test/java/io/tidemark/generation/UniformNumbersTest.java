package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the random numbers of a request")
class UniformNumbersTest {

    private static final int COUNT = 100_000;

    @Test
    @DisplayName("are the same for the same seed, choice and position, for ever")
    void areAFunction() {
        assertThat(UniformNumbers.at(7, 0, 0)).isEqualTo(UniformNumbers.at(7, 0, 0));
        // A retry by a newer version must draw the same numbers: these values may not change.
        assertThat(new double[] {UniformNumbers.at(7, 0, 0), UniformNumbers.at(7, 1, 5), UniformNumbers.at(-1, 0, 4095)
                })
                .containsExactly(0.950161381935685, 0.7544147035541824, 0.3286823571519544);
    }

    @Test
    @DisplayName("lie evenly in [0, 1), along positions, seeds and choices")
    void areUniform() {
        assertUniform(i -> UniformNumbers.at(42, 0, i));
        assertUniform(i -> UniformNumbers.at(i, 0, 0));
        assertUniform(i -> UniformNumbers.at(42, i, 3));
        assertUniform(i -> UniformNumbers.at((long) i << 32, 0, 0));
    }

    @Test
    @DisplayName("tell nothing of their neighbours in position, choice or seed")
    void areIndependent() {
        assertUncorrelated(i -> UniformNumbers.at(42, 0, i), i -> UniformNumbers.at(42, 0, i + 1));
        assertUncorrelated(i -> UniformNumbers.at(42, 0, i), i -> UniformNumbers.at(42, 1, i));
        assertUncorrelated(i -> UniformNumbers.at(42, 0, i), i -> UniformNumbers.at(43, 0, i));
        assertUncorrelated(i -> UniformNumbers.at(i, 0, 0), i -> UniformNumbers.at(i, 0, 1));
    }

    @Test
    @DisplayName("never repeat between nearby seeds, choices and positions")
    void doNotCollide() {
        Set<Double> seen = new HashSet<>();
        for (int seed = -10; seed < 10; seed++) {
            for (int choice = 0; choice < 20; choice++) {
                for (int position = 0; position < 100; position++) {
                    assertThat(seen.add(UniformNumbers.at(seed, choice, position)))
                            .isTrue();
                }
            }
        }
    }

    private static void assertUniform(IntToDoubleFunction numbers) {
        int[] buckets = new int[100];
        IntStream.range(0, COUNT).mapToDouble(numbers).forEach(u -> buckets[(int) (u * buckets.length)]++);
        double expected = (double) COUNT / buckets.length;
        double chiSquare = IntStream.of(buckets)
                .mapToDouble(n -> (n - expected) * (n - expected) / expected)
                .sum();
        // 99 degrees of freedom: beyond 160 once in ten thousand, below 50 as rarely
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
