package io.tidemark.decoder.kvcache;

import static io.tidemark.decoder.script.DecoderScript.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("KV cache of the decoder's script")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KvCacheScriptTest {

    private static final int KV_HEADS = 2;
    private static final int HEAD_DIM = 4;
    private static final int CAPACITY = 8;
    private static final int RING_CAPACITY = 5;

    private Torch torch;
    private Script script;
    private ValueScope scope;

    @BeforeAll
    void load() {
        torch = Torch.open(FixtureModel.OPTIONS);
        script = torch.script(DecoderScript.source("/torchscript/decoder-trial.torchscript"));
    }

    @BeforeEach
    void openScope() {
        scope = new ValueScope();
    }

    @AfterEach
    void closeScope() {
        scope.close();
    }

    @AfterAll
    void close() {
        script.close();
        torch.close();
    }

    @Test
    @DisplayName("A new cache is filled with zeros and has the ring's capacity in layers with a window")
    void startsWithZeros() {
        Value cache = cache(false, 3);
        assertThat(tokens(cache, 2, 0, CAPACITY))
                .satisfiesExactly(
                        full -> assertThat(full).containsOnly(0).hasSize(2 * KV_HEADS * CAPACITY * HEAD_DIM),
                        ring -> assertThat(ring).containsOnly(0).hasSize(2 * KV_HEADS * RING_CAPACITY * HEAD_DIM));
    }

    @Test
    @DisplayName("Chunks fill a slot one after the other, and other slots do not change")
    void fillsASlot() {
        Value cache = cache(false, 3);
        assertThat(fill(cache, 1, chunk(3, 0), chunk(2, 100))).isEqualTo(5);
        for (float[] layer : tokens(cache, 1, 0, 5)) {
            assertThat(layer).isEqualTo(joined(3, 0, 2, 100));
        }
        for (float[] layer : tokens(cache, 1, 3, 5)) {
            assertThat(layer).isEqualTo(numbers(2, 100));
        }
        for (int slot : List.of(0, 2)) {
            tokens(cache, slot, 0, 5).forEach(layer -> assertThat(layer).containsOnly(0));
        }
    }

    @Test
    @DisplayName("The first tokens of a slot are copied to a slot of another block, and a slot is cleared")
    void copiesAndClears() {
        Value source = cache(false, 2);
        Value target = cache(false, 2);
        fill(source, 1, chunk(4, 0));
        call("copy_slot", source, number(1), target, number(0), number(3)).close();
        tokens(target, 0, 0, 3).forEach(layer -> assertThat(layer).isEqualTo(firstTokens(4, 0, 3)));
        tokens(target, 0, 3, 5).forEach(layer -> assertThat(layer).containsOnly(0));
        call("clear_slot", source, number(1)).close();
        tokens(source, 1, 0, 5).forEach(layer -> assertThat(layer).containsOnly(0));
    }

    @Test
    @DisplayName("Later writes to a slot do not change copies of its tokens")
    void copiesTokens() {
        Value cache = cache(false, 1);
        fill(cache, 0, chunk(2, 0));
        Value before = scope.add(call("copy_tokens", cache, number(0), number(0), number(2)));
        call("clear_slot", cache, number(0)).close();
        assertThat(floats(before)).allSatisfy(layer -> assertThat(layer).isEqualTo(numbers(2, 0)));
    }

    @Test
    @DisplayName("Elements are bfloat16 in two bytes or float32 in four")
    void holdsBfloat16() {
        Value cache = cache(true, 1);
        try (Value bytes = call("kv_token_bytes")) {
            assertThat(bytes.toNumber()).isEqualTo(2 * KV_HEADS * HEAD_DIM * 2);
        }
        fill(cache, 0, scope.add(torch.list(List.of(tensor(1, odd()), tensor(1, odd())))));
        float[] rounded = new float[odd().length];
        Arrays.fill(rounded, 1.0078125f);
        tokens(cache, 0, 0, 1).forEach(layer -> assertThat(layer).isEqualTo(rounded));
        cache(false, 1);
        try (Value bytes = call("kv_token_bytes")) {
            assertThat(bytes.toNumber()).isEqualTo(2 * KV_HEADS * HEAD_DIM * 4);
        }
    }

    @Test
    @DisplayName("Tokens with NaN or infinity in any layer are not finite")
    void detectsTokensThatAreNotFinite() {
        assertThat(isFinite(numbers(2, 0))).isTrue();
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            float[] numbers = numbers(2, 0);
            numbers[7] = bad;
            assertThat(isFinite(numbers)).isFalse();
        }
    }

    private boolean isFinite(float[] second) {
        Value tokens = scope.add(torch.list(List.of(tensor(2, numbers(2, 0)), tensor(2, second))));
        try (Value finite = call("is_finite", tokens)) {
            return finite.toFlag();
        }
    }

    /** A cache of two layers, the second with a window. */
    private Value cache(boolean bf16, int slots) {
        Value like = scope.add(torch.floats(0));
        call(
                        "set_attention",
                        like,
                        number(4),
                        number(KV_HEADS),
                        number(HEAD_DIM),
                        scope.add(torch.numbers(NONE, 3)),
                        scope.add(torch.flag(bf16)),
                        scope.add(torch.flag(false)))
                .close();
        return scope.add(call("new_cache", like, number(slots), number(CAPACITY), number(RING_CAPACITY)));
    }

    private long fill(Value cache, int slot, Value... chunks) {
        try (Value list = torch.list(List.of(chunks));
                Value filled = call("fill_slot", cache, number(slot), list)) {
            return filled.toNumber();
        }
    }

    /** The same tokens in both layers. */
    private Value chunk(int tokens, int first) {
        Value tensor = tensor(tokens, numbers(tokens, first));
        return scope.add(torch.list(List.of(tensor, tensor)));
    }

    private Value tensor(int tokens, float[] numbers) {
        return scope.add(call(
                "shaped", scope.add(torch.floats(numbers)), scope.add(torch.numbers(2, KV_HEADS, tokens, HEAD_DIM))));
    }

    private List<float[]> tokens(Value cache, int slot, int start, int end) {
        return floats(scope.add(call("copy_tokens", cache, number(slot), number(start), number(end))));
    }

    private List<float[]> floats(Value layers) {
        return layers.toList().stream()
                .map(scope::add)
                .map(layer -> scope.add(call("as_float32", layer)).toFloats())
                .toList();
    }

    /** Keys and values {@code [2][kv heads][tokens][d]} that differ everywhere. */
    private static float[] numbers(int tokens, int first) {
        float[] numbers = new float[2 * KV_HEADS * tokens * HEAD_DIM];
        for (int head = 0; head < 2 * KV_HEADS; head++) {
            for (int i = 0; i < tokens * HEAD_DIM; i++) {
                numbers[head * tokens * HEAD_DIM + i] = 1000 * head + first + i;
            }
        }
        return numbers;
    }

    private static float[] firstTokens(int tokens, int first, int count) {
        return joined(count, first, 0, 0, tokens);
    }

    private static float[] joined(int tokens, int first, int more, int firstMore) {
        return joined(tokens, first, more, firstMore, tokens);
    }

    /** The first {@code tokens} of {@code numbers(of, first)}, followed in each head by those of another chunk. */
    private static float[] joined(int tokens, int first, int more, int firstMore, int of) {
        float[] left = numbers(of, first);
        float[] right = numbers(more, firstMore);
        float[] all = new float[2 * KV_HEADS * (tokens + more) * HEAD_DIM];
        for (int head = 0; head < 2 * KV_HEADS; head++) {
            int at = head * (tokens + more) * HEAD_DIM;
            System.arraycopy(left, head * of * HEAD_DIM, all, at, tokens * HEAD_DIM);
            System.arraycopy(right, head * more * HEAD_DIM, all, at + tokens * HEAD_DIM, more * HEAD_DIM);
        }
        return all;
    }

    /** Numbers that bfloat16 does not have. */
    private static float[] odd() {
        float[] numbers = new float[2 * KV_HEADS * HEAD_DIM];
        Arrays.fill(numbers, 1.0068f);
        return numbers;
    }

    private Value number(long number) {
        return scope.add(torch.number(number));
    }

    private Value call(String method, Value... arguments) {
        return script.call(method, arguments);
    }
}
