package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.evaluation.ProbabilityCurve.Measure;
import io.tidemark.evaluation.ProbabilityCurve.Reading;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Probability curve")
class ProbabilityCurveTest {

    private static final List<Double> WITHOUT = List.of(0.1, 0.2, 0.3, 0.4);

    @Test
    @DisplayName("The suggested boundary is the number of layers after which the gain from LoRA no longer rises")
    void suggestsWhereItStops() {
        ProbabilityCurve curve =
                new ProbabilityCurve(List.of(reading(0, 0.1, 0.30, 0.29), reading(0, 0.12, 0.31, 0.30)));
        assertThat(curve.suggested()).isEqualTo(new Boundary(2));
        assertThat(curve.with().get(2)).isCloseTo(0.605, within(1e-12));
        assertThat(curve.without()).isEqualTo(WITHOUT);
    }

    @Test
    @DisplayName("The suggested boundary is all layers if the last one adds, and 0 if none adds")
    void suggestsTheEnds() {
        assertThat(new ProbabilityCurve(List.of(reading(0, 0.1, 0.2, 0.3), reading(0, 0.1, 0.2, 0.31))).suggested())
                .isEqualTo(new Boundary(3));
        assertThat(new ProbabilityCurve(List.of(reading(0, 0, 0, -0.1), reading(0, 0, 0, -0.1))).suggested())
                .isEqualTo(new Boundary(0));
    }

    @Test
    @DisplayName("A rise within one standard error is ignored")
    void ignoresNoise() {
        // after layer 1 the mean gain rises by 0.01, and the examples differ by 0.2
        ProbabilityCurve curve = new ProbabilityCurve(List.of(reading(0, 0.1, 0.2, 0.21), reading(0, 0.1, 0.02, 0.01)));
        assertThat(curve.suggested()).isEqualTo(new Boundary(1));
    }

    @Test
    @DisplayName("Fewer than two examples are rejected")
    void needsTwo() {
        List<Reading> one = List.of(reading(0, 0, 0, 0));
        assertThatThrownBy(() -> new ProbabilityCurve(one)).hasMessageContaining("two examples");
    }

    @Test
    @DisplayName("The last values agree with PEFT with full LoRA and without, and the first values have no gain")
    void agreesWithPeft() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            List<Integer> prompt = fixture.reference("all").prompts().get(1).ids();
            int token =
                    fixture.reference("all").prompts().get(1).greedy().get(6).get(0);
            List<Integer> done = new ArrayList<>();
            List<Reading> readings = ProbabilityCurve.readings(
                    fixture.model(),
                    fixture.adapter("all"),
                    Measure.PROBABILITY,
                    List.of(
                            new TokenizedExample(prompt, List.of(token)),
                            new TokenizedExample(prompt, List.of(token, 2, 7))),
                    done::add);
            assertThat(done).last().isEqualTo(2);
            assertThat(readings.get(0).with().get(6)).isCloseTo(softmax("prompt1.boundary6", token), within(1e-6));
            assertThat(readings.get(0).without().get(6)).isCloseTo(softmax("prompt1.boundary0", token), within(1e-6));
            assertThat(readings).allSatisfy(reading -> {
                assertThat(reading.with())
                        .hasSize(7)
                        .allSatisfy(p -> assertThat(p).isBetween(0.0, 1.0));
                assertThat(reading.gain(0)).isZero();
                assertThat(reading.gain(1)).isNotZero();
            });
        }
    }

    /** The probability of a token according to the logits of PEFT. */
    private static double softmax(String name, int token) {
        Path file = Folders.adapter("llama-gqa", "all").resolve("expected-logits.safetensors");
        FloatBuffer logits = ByteBuffer.wrap(
                        TensorFile.read(file).tensors().get(name).bytes())
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer();
        double sum = 0;
        for (int i = 0; i < logits.limit(); i++) {
            sum += Math.exp(logits.get(i) - (double) logits.get(token));
        }
        return 1 / sum;
    }

    /** A reading with these gains after 0, 1, 2 and 3 layers. */
    private static Reading reading(double... gains) {
        List<Double> with = new ArrayList<>();
        for (int l = 0; l < gains.length; l++) {
            with.add(WITHOUT.get(l) + gains[l]);
        }
        return new Reading(with, WITHOUT);
    }
}
