package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.generation.layout.RecentTurns.Comparison;
import io.tidemark.generation.layout.RecentTurns.Gains;
import io.tidemark.generation.layout.RecentTurns.Pair;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Expected values follow from the times: a gain is the logarithm of the narrow time divided by the wide one. */
@DisplayName("How much faster a wide width is, in the mean of trials")
class TrialGainsTest {

    private static final Offset<Double> EXACT = within(1e-9);

    private final TrialGains gains = new TrialGains();

    @Test
    @DisplayName("Both kinds count by their time, at either width")
    void overall() {
        // narrow: 30 s of prompts and 70 s of others; wide: 40 s and 60 s
        Gains known = new Gains(OptionalDouble.of(Math.log(30.0 / 40)), OptionalDouble.of(Math.log(70.0 / 60)));
        assertThat(known.overall(0.3, false).orElseThrow()).isCloseTo(0, EXACT);
        assertThat(known.overall(0.4, true).orElseThrow()).isCloseTo(0, EXACT);
        // the same with 60 s of prompts and 40 s of others in narrow groups: 80 s and 34.3 s in wide ones
        double wide = 80 + 40 * 60.0 / 70;
        assertThat(known.overall(0.6, false).orElseThrow()).isCloseTo(Math.log(100 / wide), EXACT);
        assertThat(known.overall(80 / wide, true).orElseThrow()).isCloseTo(Math.log(100 / wide), EXACT);
    }

    @Test
    @DisplayName("A kind that was not compared counts as the other")
    void oneKind() {
        assertThat(new Gains(OptionalDouble.empty(), OptionalDouble.of(0.2)).overall(0.5, true))
                .hasValue(0.2);
        assertThat(new Gains(OptionalDouble.of(0.1), OptionalDouble.empty()).overall(0.5, true))
                .hasValue(0.1);
        assertThat(Gains.NONE.overall(0.5, true)).isEmpty();
    }

    @Test
    @DisplayName("The middle half of the turns counts, and two turns in all are enough")
    void middleHalf() {
        List<Pair> turns = List.of(new Pair(100, 1000), new Pair(100, 110), new Pair(100, 90), new Pair(100, 10));
        assertThat(Comparison.gain(turns).orElseThrow()).isCloseTo(0, EXACT);
        assertThat(Comparison.gain(turns.subList(0, 3)).orElseThrow()).isCloseTo(Math.log(100.0 / 110), EXACT);
        Pair turn = new Pair(120, 100);
        assertThat(new Comparison(List.of(turn), List.of()).gains()).isEqualTo(Gains.NONE);
        assertThat(new Comparison(List.of(turn), List.of(turn)).gains().prompts())
                .isPresent();
    }

    @Test
    @DisplayName("Turns with prompts count if a trial has compared four, so that a delayed one does not decide")
    void prompts() {
        List<Pair> turns = List.of(new Pair(100, 5000), new Pair(100, 120), new Pair(100, 120), new Pair(100, 110));
        gains.add(new Comparison(turns.subList(0, 3), others(100, 100)));
        assertThat(gains.means().prompts()).isEmpty();
        gains.add(new Comparison(turns, others(100, 100)));
        assertThat(gains.means().prompts().orElseThrow()).isCloseTo(Math.log(100.0 / 120), EXACT);
        assertThat(gains.means().others().orElseThrow()).isCloseTo(0, EXACT);
    }

    @Test
    @DisplayName("Four trials have equal weight, and each later one has a weight of a quarter")
    void means() {
        double sum = 0;
        for (double narrow : List.of(110, 100, 120, 100)) {
            gains.add(new Comparison(List.of(), others(narrow, 100)));
            sum += Math.log(narrow / 100);
        }
        assertThat(gains.means().others().orElseThrow()).isCloseTo(sum / 4, EXACT);
        gains.add(new Comparison(List.of(), others(100, 100)));
        assertThat(gains.means().others().orElseThrow()).isCloseTo(sum / 4 * 3 / 4, EXACT);
    }

    @Test
    @DisplayName("A trial that differs far begins another mean, and after a restart the old one is used until the next")
    void otherMeans() {
        gains.add(new Comparison(List.of(), others(110, 100)));
        assertThat(gains.trials()).isEqualTo(1);
        gains.add(new Comparison(List.of(), others(100, 100)));
        assertThat(gains.trials()).isEqualTo(2);
        assertThat(gains.means().others().orElseThrow()).isCloseTo(Math.log(1.1) / 2, EXACT);
        gains.add(new Comparison(List.of(), others(100, 300)));
        assertThat(gains.trials()).isEqualTo(1);
        assertThat(gains.means().others().orElseThrow()).isCloseTo(-Math.log(3), EXACT);
        gains.restart();
        assertThat(gains.trials()).isZero();
        assertThat(gains.means().others().orElseThrow()).isCloseTo(-Math.log(3), EXACT);
        gains.add(new Comparison(List.of(), others(120, 100)));
        assertThat(gains.means().others().orElseThrow()).isCloseTo(Math.log(1.2), EXACT);
    }

    @Test
    @DisplayName("After a change of the durations, earlier trials count as one")
    void durationsChange() {
        for (int trial = 0; trial < 3; trial++) {
            gains.add(new Comparison(List.of(), others(120, 100)));
        }
        gains.durationsChange();
        assertThat(gains.trials()).isEqualTo(1);
        gains.add(new Comparison(List.of(), others(100, 100)));
        assertThat(gains.trials()).isEqualTo(2);
        assertThat(gains.means().others().orElseThrow()).isCloseTo(Math.log(1.2) / 2, EXACT);
    }

    private static List<Pair> others(double narrow, double wide) {
        return Collections.nCopies(5, new Pair(narrow, wide));
    }
}
