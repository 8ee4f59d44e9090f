package io.tidemark.decoder.attention;

import static io.tidemark.decoder.script.DecoderScript.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.script.DecoderLayouts.CallField;
import io.tidemark.decoder.script.DecoderLayouts.CallKind;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Attention calls of the decoder's script")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AttentionScriptTest {

    private static final int SLOTS = 4;
    private static final int HEAD_DIM = 8;
    private static final int CAPACITY = 16;
    private static final int RING_CAPACITY = 12;

    private Torch torch;
    private Script script;
    private final Random random = new Random(7);

    /** A token's queries {@code [heads][d]}, keys and values {@code [kv heads][d]}. */
    private record Token(float[][] queries, float[][] keys, float[][] values) {}

    /** A call as the script takes it, and the slot and position of each of its rows. */
    private record Call(long[] numbers, int[][] rows) {}

    @BeforeAll
    void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
        script = torch.script(DecoderScript.source("/torchscript/decoder-trial.torchscript"));
    }

    @AfterAll
    void close() {
        script.close();
        torch.close();
    }

    @ParameterizedTest(name = "{0} heads, {1} kv heads, window {2}, bfloat16 {3}, bags {4}")
    @DisplayName("Each kind of call computes causal softmax attention over each sequence's own keys")
    @CsvSource({
        "4, 2, -1, false, true",
        "4, 2, -1, false, false",
        "4, 4, -1, false, true",
        "6, 1, -1, false, false",
        "4, 2, -1, true, true",
        "6, 1, -1, true, false",
        "4, 2, 6, false, true",
        "4, 2, 6, false, false",
        "4, 2, 6, true, true"
    })
    void agreesWithSoftmax(int heads, int kvHeads, int window, boolean bf16, boolean bags) {
        try (ValueScope scope = new ValueScope();
                Value like = torch.floats(0);
                Value windows = torch.numbers(window)) {
            call(
                            "set_attention",
                            like,
                            scope.add(torch.number((long) heads)),
                            scope.add(torch.number((long) kvHeads)),
                            scope.add(torch.number((long) HEAD_DIM)),
                            windows,
                            scope.add(torch.flag(bf16)),
                            scope.add(torch.flag(bags)))
                    .close();
            Value cache = scope.add(call(
                    "new_cache",
                    like,
                    scope.add(torch.number((long) SLOTS)),
                    scope.add(torch.number((long) CAPACITY)),
                    scope.add(torch.number((long) RING_CAPACITY))));
            List<List<Token>> sequences = new ArrayList<>();
            for (int slot = 0; slot < SLOTS; slot++) {
                sequences.add(new ArrayList<>());
            }
            for (List<Call> step : steps()) {
                for (Call call : step) {
                    for (int[] row : call.rows()) {
                        sequences.get(row[0]).add(token(heads, kvHeads, bf16));
                    }
                }
                float[] expected = flat(step.stream()
                        .flatMap(call -> List.of(call.rows()).stream())
                        .map(row -> attention(sequences.get(row[0]), row[1], window))
                        .toList());
                assertThat(attend(step, sequences, cache))
                        .usingComparatorWithPrecision(bf16 ? 0.03f : 1e-5f)
                        .containsExactly(expected);
            }
        }
    }

    /** First tokens, chunks, single queries together and alone, until the ring has wrapped. */
    private static List<List<Call>> steps() {
        return List.of(
                List.of(
                        several(0, 0, 5, CallKind.CAUSAL),
                        several(3, 0, 2, CallKind.CAUSAL),
                        several(1, 0, 3, CallKind.CAUSAL),
                        several(2, 0, 4, CallKind.CAUSAL)),
                List.of(several(0, 5, 4, CallKind.CACHED), single(1, 3, 4)),
                List.of(several(0, 9, 3, CallKind.CACHED), single(2, 5)),
                List.of(single(0, 12, 4, 6, 2)),
                List.of(single(0, 13), single(2, 7, 3)),
                List.of(single(0, 14, 5, 8, 4)));
    }

    private static Call several(int slot, int position, int queries, CallKind kind) {
        int[][] rows = new int[queries][];
        for (int i = 0; i < queries; i++) {
            rows[i] = new int[] {slot, position + i};
        }
        long read = kind == CallKind.CAUSAL ? queries : CAPACITY;
        return new Call(numbers(slot, slot + 1, queries, read, kind, NONE), rows);
    }

    /** One query for each of neighbouring slots. */
    private static Call single(int firstSlot, int... positions) {
        int[][] rows = new int[positions.length][];
        for (int i = 0; i < positions.length; i++) {
            rows[i] = new int[] {firstSlot + i, positions[i]};
        }
        long only = positions.length == 1 ? positions[0] : NONE;
        int end = firstSlot + positions.length;
        return new Call(numbers(firstSlot, end, 1, CAPACITY, CallKind.CACHED, only), rows);
    }

    private static long[] numbers(int firstSlot, int endSlot, int queries, long span, CallKind kind, long only) {
        long[] numbers = new long[CallField.values().length];
        numbers[CallField.BLOCK.ordinal()] = 0;
        numbers[CallField.FIRST_SLOT.ordinal()] = firstSlot;
        numbers[CallField.END_SLOT.ordinal()] = endSlot;
        numbers[CallField.QUERIES.ordinal()] = queries;
        numbers[CallField.SPAN.ordinal()] = span;
        numbers[CallField.KIND.ordinal()] = kind.ordinal();
        numbers[CallField.RING_CAPACITY.ordinal()] = RING_CAPACITY;
        numbers[CallField.RING_SPAN.ordinal()] = Math.min(span, RING_CAPACITY);
        numbers[CallField.ONLY_POSITION.ordinal()] = only;
        return numbers;
    }

    private float[] attend(List<Call> step, List<List<Token>> sequences, Value cache) {
        List<float[]> qkv = new ArrayList<>();
        List<Long> slots = new ArrayList<>();
        List<Long> positions = new ArrayList<>();
        for (Call call : step) {
            for (int[] row : call.rows()) {
                Token token = sequences.get(row[0]).get(row[1]);
                List.of(token.queries(), token.keys(), token.values()).forEach(part -> qkv.addAll(List.of(part)));
                slots.add((long) row[0]);
                positions.add((long) row[1]);
            }
        }
        try (Value rows = torch.floats(flat(qkv));
                Value layer = torch.number(0L);
                Value calls = torch.numberLists(step.stream().map(Call::numbers).toList());
                Value slot =
                        torch.longs(slots.stream().mapToLong(Long::longValue).toArray());
                Value position = torch.longs(
                        positions.stream().mapToLong(Long::longValue).toArray());
                Value out = call("attend_rows", rows, layer, calls, slot, position, cache)) {
            return out.toFloats();
        }
    }

    /** Softmax attention of one query over the keys of its sequence, {@code [heads * d]}. */
    private static float[] attention(List<Token> sequence, int position, int window) {
        Token query = sequence.get(position);
        int heads = query.queries().length;
        int group = heads / query.keys().length;
        int first = window < 0 ? 0 : Math.max(0, position - window + 1);
        float[] out = new float[heads * HEAD_DIM];
        for (int head = 0; head < heads; head++) {
            double[] weights = new double[position + 1];
            double sum = 0;
            for (int key = first; key <= position; key++) {
                double score = 0;
                for (int i = 0; i < HEAD_DIM; i++) {
                    score += (double) query.queries()[head][i]
                            * sequence.get(key).keys()[head / group][i];
                }
                weights[key] = Math.exp(score / Math.sqrt(HEAD_DIM));
                sum += weights[key];
            }
            for (int i = 0; i < HEAD_DIM; i++) {
                double value = 0;
                for (int key = first; key <= position; key++) {
                    value += weights[key] / sum * sequence.get(key).values()[head / group][i];
                }
                out[head * HEAD_DIM + i] = (float) value;
            }
        }
        return out;
    }

    private Token token(int heads, int kvHeads, boolean bf16) {
        return new Token(vectors(heads, false), vectors(kvHeads, bf16), vectors(kvHeads, bf16));
    }

    private float[][] vectors(int count, boolean bf16) {
        float[][] vectors = new float[count][HEAD_DIM];
        for (float[] vector : vectors) {
            for (int i = 0; i < HEAD_DIM; i++) {
                float value = (float) random.nextGaussian();
                vector[i] = bf16 ? Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000) : value;
            }
        }
        return vectors;
    }

    private static float[] flat(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private Value call(String method, Value... arguments) {
        return script.call(method, arguments);
    }
}
