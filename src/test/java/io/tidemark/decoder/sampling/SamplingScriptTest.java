package io.tidemark.decoder.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.script.DecoderLayouts.ParamColumn;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptSource;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Truncated sampling")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingScriptTest {

    private static final int ROWS = 24;
    private static final int VOCABULARY = 9000;
    private static final int COLUMNS = ParamColumn.values().length;

    private Torch torch;
    private Script script;

    @BeforeAll
    void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
        script = torch.script(new ScriptSource(
                "Decoder",
                "/torchscript/constants.torchscript",
                "/torchscript/sampling-trial.torchscript",
                "/torchscript/sampling.torchscript"));
        try (Value like = torch.floats(0)) {
            script.call("set_device", like).close();
        }
    }

    @AfterAll
    void close() {
        script.close();
        torch.close();
    }

    @ParameterizedTest(name = "temperature {0}, top_p {1}, top_k {2}, min_p {3}, logits of spread {4} in steps of {5}")
    @DisplayName(
            "The token is that of sorting the whole vocabulary, if many tokens are kept and with ties, alone and with other rows")
    @CsvSource({
        "1, 0.9, 0, 0, 3, 0",
        "1, 0.9, 0, 0, 1, 0",
        "2, 0.99, 0, 0, 1, 0",
        "1, 0.9, 0, 0, 2, 0.25",
        "0.5, 0.7, 0, 0.01, 2, 0.5",
        "1, 1, 40, 0, 3, 0",
        "1, 1, 40, 0, 3, 0.5",
        "1, 0.9, 256, 0, 2, 0.125",
        "1, 0.9, 257, 0, 2, 0.125",
        "1, 0.95, 300, 0, 1, 0",
        "1, 1, 5000, 0.001, 1, 0",
        "1, 0.5, 20000, 0, 1, 0.125",
        "1e-200, 0.9, 9, 0, 3, 0"
    })
    void samplesTheTokenOfAFullSort(
            double temperature, double topP, int topK, double minP, double spread, double step) {
        Random random = new Random(topK + 1000L);
        float[] logits = new float[ROWS * VOCABULARY];
        for (int i = 0; i < logits.length; i++) {
            double value = random.nextGaussian() * spread;
            logits[i] = (float) (step == 0 ? value : Math.round(value / step) * step);
        }
        double[] table = new double[ROWS * COLUMNS];
        for (int row = 0; row < ROWS; row++) {
            double[] columns = new double[COLUMNS];
            columns[ParamColumn.ROW.ordinal()] = row;
            columns[ParamColumn.TEMPERATURE.ordinal()] = temperature;
            columns[ParamColumn.TOP_P.ordinal()] = topP;
            columns[ParamColumn.TOP_K.ordinal()] = topK;
            columns[ParamColumn.MIN_P.ordinal()] = minP;
            columns[ParamColumn.REPETITION.ordinal()] = 1;
            columns[ParamColumn.UNIFORM.ordinal()] = random.nextDouble();
            System.arraycopy(columns, 0, table, row * COLUMNS, COLUMNS);
        }
        List<long[]> together = sampled(logits, table, topK > 0);
        assertThat(together.get(0)).isEqualTo(together.get(1));
        for (int row = 0; row < ROWS; row++) {
            float[] own = Arrays.copyOfRange(logits, row * VOCABULARY, (row + 1) * VOCABULARY);
            assertThat(sampled(own, Arrays.copyOfRange(table, row * COLUMNS, (row + 1) * COLUMNS), topK > 0)
                            .get(0))
                    .containsExactly(together.get(0)[row]);
        }
    }

    @ParameterizedTest(name = "vocabulary of {0}")
    @DisplayName("A greedy row takes the first of its largest logits, also with ties, infinities and NaN")
    @ValueSource(ints = {400, 420, 9216, 49152})
    void findsTheLargest(int vocabulary) {
        Random random = new Random(vocabulary);
        float[] logits = new float[ROWS * vocabulary];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = Math.round(random.nextGaussian() * 2) / 2f;
        }
        Arrays.fill(logits, 0, vocabulary, Float.NEGATIVE_INFINITY);
        logits[vocabulary + 333] = Float.NaN;
        logits[2 * vocabulary + 17] = Float.POSITIVE_INFINITY;
        try (Value scores = torch.floats(logits);
                Value rows = torch.number(ROWS);
                Value indices = script.call("argmax_of_rows", scores, rows)) {
            assertThat(indices.toLongs())
                    .isEqualTo(LongStream.range(0, ROWS)
                            .map(row -> firstLargest(
                                    Arrays.copyOfRange(logits, (int) row * vocabulary, (int) (row + 1) * vocabulary)))
                            .toArray());
        }
    }

    @ParameterizedTest(name = "vocabulary of {0}")
    @DisplayName("A mask keeps the tokens of its bits, for vocabularies of any size, and changes no other row")
    @ValueSource(ints = {31, 33, 400, 420, 9216, 49152})
    void keepsTheTokensOfAMask(int vocabulary) {
        Random random = new Random(vocabulary);
        float[] logits = new float[ROWS * vocabulary];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        TokenMasks masks = new TokenMasks(ROWS, vocabulary);
        IntBuffer bits = masks.bits(ROWS);
        while (bits.hasRemaining()) {
            bits.put(random.nextInt() & random.nextInt());
        }
        // every third row is free, the masks are in another order, and some allow what is the largest anyway
        double[] masked = IntStream.range(0, ROWS)
                .filter(row -> row % 3 > 0)
                .boxed()
                .flatMapToDouble(row -> DoubleStream.of(row, ROWS - 1 - row))
                .toArray();
        float[] expected = logits.clone();
        long[] tokens = new long[ROWS];
        for (int row = 0; row < ROWS; row++) {
            TokenMasks.Mask mask = masks.mask(ROWS - 1 - row);
            if (row % 6 == 1) {
                int best = (int) firstLargest(Arrays.copyOfRange(logits, row * vocabulary, (row + 1) * vocabulary));
                IntBuffer words = masks.bits(ROWS);
                int word = (ROWS - 1 - row) * words.capacity() / ROWS + best / Integer.SIZE;
                words.put(word, words.get(word) | 1 << best % Integer.SIZE);
            }
            for (int token = 0; token < vocabulary && row % 3 > 0; token++) {
                if (!mask.allows(token)) {
                    expected[row * vocabulary + token] = Float.NEGATIVE_INFINITY;
                }
            }
            tokens[row] = firstLargest(Arrays.copyOfRange(expected, row * vocabulary, (row + 1) * vocabulary));
        }
        try (Value scores = torch.floats(logits);
                Value rows = torch.number(ROWS);
                Value columns = torch.doubles(masked);
                Value bytes = torch.bytes(masks.bytes());
                Value best = script.call("argmax_in_masks", scores, rows, columns, bytes);
                Value kept = script.call("masked_scores", scores, rows, columns, bytes)) {
            assertThat(best.toLongs()).isEqualTo(tokens);
            assertThat(kept.toFloats()).isEqualTo(expected);
        }
    }

    /** NaN counts as the largest, as in libtorch. */
    private static long firstLargest(float[] row) {
        int best = 0;
        for (int i = 1; i < row.length; i++) {
            if (Float.compare(row[i], row[best]) > 0) {
                best = i;
            }
        }
        return best;
    }

    private List<long[]> sampled(float[] logits, double[] table, boolean topK) {
        try (Value scores = torch.floats(logits);
                Value knobs = torch.doubles(table);
                Value flag = torch.flag(topK);
                Value out = script.call("both_ways", scores, knobs, flag);
                ValueScope scope = new ValueScope()) {
            return out.toList().stream().map(scope::add).map(Value::toLongs).toList();
        }
    }
}
