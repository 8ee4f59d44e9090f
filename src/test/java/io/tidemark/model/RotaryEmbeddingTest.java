package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The expected numbers were computed with {@code ROPE_INIT_FUNCTIONS} of transformers 5.24. */
@DisplayName("Rotary embeddings")
class RotaryEmbeddingTest {

    /** The last bit of float32: a larger error changes the angles at position 10,000 noticeably. */
    private static final Percentage LAST_BIT = Percentage.withPercentage(1.2e-5);

    static Stream<Arguments> embeddings() {
        return Stream.of(
                Arguments.of(
                        new RotaryEmbedding.Linear(10000, 2.5),
                        16,
                        1.0,
                        List.of(
                                0.4000000059604645,
                                0.12649109959602356,
                                0.03999999910593033,
                                0.003999999724328518,
                                0.0012649111449718475,
                                0.0001264911115868017)),
                Arguments.of(
                        new RotaryEmbedding.Llama3(500000, 8, 1, 4, 8192),
                        64,
                        1.0,
                        List.of(
                                1.0,
                                0.663601279258728,
                                0.03760603070259094,
                                0.0005248460220173001,
                                5.165906986803748e-05,
                                3.76732259610435e-07)),
                Arguments.of(
                        new RotaryEmbedding.Yarn(
                                1000000, 4, 32768, RotaryEmbedding.Yarn.attentionFactor(4), 32, 1, true),
                        64,
                        1.138629436111989,
                        List.of(
                                1.0,
                                0.6493816375732422,
                                0.03162277862429619,
                                0.0005833333707414567,
                                9.128064994001761e-05,
                                3.8498163235090033e-07)),
                Arguments.of(
                        new RotaryEmbedding.Yarn(
                                10000, 8, 4096, RotaryEmbedding.Yarn.attentionFactor(8, 1, 0.7), 16, 2, false),
                        64,
                        1.0544565075669314,
                        List.of(
                                1.0,
                                0.7498942017555237,
                                0.10000000149011612,
                                0.006221889052540064,
                                0.0010915740858763456,
                                1.666901880525984e-05)),
                Arguments.of(
                        new RotaryEmbedding.Yarn(10000, 1, 64, RotaryEmbedding.Yarn.attentionFactor(1), 32, 1, true),
                        16,
                        1.0,
                        List.of(
                                1.0,
                                0.3162277638912201,
                                0.10000000149011612,
                                0.009999999776482582,
                                0.003162277862429619,
                                0.0003162277862429619)),
                Arguments.of(
                        new RotaryEmbedding.Yarn(10000, 4, 2048, 1.25, 32, 1, true),
                        64,
                        1.25,
                        List.of(
                                1.0,
                                0.7498942017555237,
                                0.10000000149011612,
                                0.005384615156799555,
                                0.0015408140607178211,
                                3.333803761051968e-05)));
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Inverse frequencies and attention factor are equal to those of transformers")
    @MethodSource("embeddings")
    void areThoseOfTransformers(RotaryEmbedding embedding, int headDim, double attentionFactor, List<Double> expected) {
        float[] frequencies = embedding.inverseFrequencies(headDim);
        int last = headDim / 2 - 1;
        int fifth = headDim > 16 ? headDim / 4 + 3 : 5;
        int[] places = {0, 1, headDim / 8, headDim / 4, fifth, last};
        assertThat(frequencies).hasSize(headDim / 2);
        for (int i = 0; i < places.length; i++) {
            assertThat((double) frequencies[places[i]])
                    .as("frequency %d", places[i])
                    .isCloseTo(expected.get(i), LAST_BIT);
        }
        assertThat(embedding.attentionFactor()).isCloseTo(attentionFactor, within(1e-12));
    }
}
