package io.tidemark.benchmark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The simulation of calibration")
class CalibrationSimulationTest {

    private static final List<Integer> BOUNDARIES = RuleSettings.DEFAULT.candidates(World.layers());

    private static CalibrationSimulation simulation(int streams, String... objectives) {
        return new CalibrationSimulation(
                RuleSettings.DEFAULT,
                List.of(objectives).stream().map(Objective::parse).toList(),
                streams,
                1600,
                4,
                64,
                1);
    }

    private static World world(String name) {
        return World.synthetic(BOUNDARIES).stream()
                .filter(world -> world.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    @DisplayName("A run depends on the seed only")
    void repeatable() {
        World world = world("overfit, best at 13");
        assertThat(simulation(3, "balanced").run(world))
                .isEqualTo(simulation(3, "balanced").run(world));
    }

    @Test
    @DisplayName("The e-process rule harms no stream of the worlds in which the one-standard-error rule harms most")
    void guarantee() {
        for (String name : List.of("every cut loses 0.021", "3% lose 1 nat")) {
            List<RuleResult> results = simulation(40, "balanced").run(world(name));
            assertThat(results).extracting(RuleResult::rule).containsExactly("1-SE", "e-process");
            assertThat(results.get(0).harmShare()).isGreaterThan(0.4);
            assertThat(results.get(1).harmShare()).isZero();
            assertThat(results).allMatch(RuleResult::isBounded);
        }
    }

    @Test
    @DisplayName("All boundaries of the independent world are harmful, and the e-process rule harms few streams")
    void independent() {
        List<RuleResult> results = simulation(40, "latency").run(world("independent two-point"));
        assertThat(results.get(0).harmShare()).isGreaterThan(0.9);
        assertThat(results.get(1).harmShare()).isLessThanOrEqualTo(0.1);
    }

    @Test
    @DisplayName("After a change of the traffic, the e-process rule leaves the boundary that became harmful")
    void drift() {
        RuleResult result =
                simulation(20, "balanced").run(world("0.1 gain to 0.1 loss")).get(1);
        assertThat(result.exposedStreams()).isEqualTo(20);
        assertThat(result.delays()).hasSize(20);
        assertThat(result.withdrawals()).isGreaterThanOrEqualTo(20);
        assertThat(result.falseAlarms()).isZero();
    }

    @Test
    @DisplayName("Regret and gain of a rule that never moves are those of full LoRA")
    void fullLora() {
        RuleResult result =
                simulation(5, "balanced").run(world("needs all layers")).get(1);
        assertThat(result.movedShare()).isZero();
        assertThat(result.gain()).isZero();
        assertThat(result.regret()).isZero();
        // it moves to a boundary near 13 and then gains at most 0.14
        RuleResult moving =
                simulation(5, "balanced").run(world("overfit, best at 13")).get(1);
        assertThat(moving.movedShare()).isEqualTo(1);
        assertThat(moving.gain() + moving.regret()).isCloseTo(best(world("overfit, best at 13")), within(1e-9));
    }

    private static double best(World world) {
        return IntStream.range(0, world.traffic().means().length)
                .mapToDouble(b -> world.traffic().means()[b])
                .max()
                .orElseThrow();
    }

    @Test
    @DisplayName("Recorded scores give a world for each adapter, and one for each change within a model")
    void recorded() {
        Map<String, double[][]> scores = Map.of("a", new double[4][9], "b", new double[4][9], "c", new double[4][5]);
        assertThat(World.recorded(scores, RuleSettings.DEFAULT::candidates))
                .extracting(World::name)
                .containsExactlyInAnyOrder("a", "b", "c", "a to b", "b to a");
    }

    @Test
    @DisplayName("A shuffle counts each recorded example once, and reports the boundary after each batch")
    void shuffle() {
        double[][] scores = new double[200][3];
        for (double[] example : scores) {
            example[1] = 0.3;
        }
        RecordedTraffic traffic = new RecordedTraffic(scores, List.of(0, 1, 2));
        List<Integer> course =
                simulation(1, "latency")
                .shuffle(traffic, List.of(0, 1, 2), Objective.parse("latency"), 8, 3)
                .inForce();
        assertThat(course).hasSize(25);
        assertThat(course.get(0)).isEqualTo(2);
        assertThat(course.get(24)).isEqualTo(1);
    }

    @Test
    @DisplayName("Numbers out of range are refused")
    void outOfRange() {
        assertThatThrownBy(() -> simulation(0, "latency")).hasMessageContaining("a stream");
        assertThatThrownBy(() -> simulation(1, "tolerance:2")).hasMessageContaining("loss-cap");
    }
}
