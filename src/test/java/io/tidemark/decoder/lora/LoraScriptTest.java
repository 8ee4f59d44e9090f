package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderScript.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.script.DecoderLayouts.LoraSpanField;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.model.ComputeType;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("LoRA products of the decoder's script")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LoraScriptTest {

    private static final int HIDDEN = 32;
    private static final int HEADS = 4;
    private static final int KV_HEADS = 2;
    private static final int HEAD_DIM = 8;
    private static final int INTERMEDIATE = 48;
    private static final int LAYERS = 2;
    /** By module: the inputs of the linear, and the outputs of its parts. */
    private static final int[] INPUTS = {HIDDEN, HIDDEN, HIDDEN, INTERMEDIATE};

    private static final int[][] PARTS = {{32, 16, 16}, {HIDDEN}, {INTERMEDIATE, INTERMEDIATE}, {HIDDEN}};

    private final Random random = new Random(11);
    private Torch torch;
    private Script script;
    private ValueScope scope;

    /** By layer and module: A {@code [in, parts * rank]}, B {@code [rank, out]}, factor and shift {@code [out]}. */
    private record Lora(int[] ranks, float[][][] a, float[][][] b, float[][][] factors, float[][][] shifts) {}

    private enum Layout {
        OWN_GROUPS,
        MERGED,
        FUSED
    }

    @BeforeEach
    void load() {
        torch = Torch.open(new TorchOptions("cpu", 1));
        script = torch.script(DecoderScript.source("/torchscript/decoder-trial.torchscript"));
        scope = new ValueScope();
    }

    @AfterEach
    void close() {
        scope.close();
        script.close();
        torch.close();
    }

    @Test
    @DisplayName("In float32 the product is factor * W x + B A x + shift, below each group's boundary")
    void denseAgrees() {
        float[][][] weights = install(ComputeType.FP32);
        Lora first = lora(new int[] {3, 2, 4, 1}, true);
        Lora second = lora(new int[] {1, 0, 2, 5}, false);
        Value lora = layout(
                5,
                List.of(
                        LoraSpanField.span(0, 2, new Boundary(2), NONE, NONE),
                        LoraSpanField.span(2, 4, new Boundary(1), NONE, NONE)),
                List.of(adapter(first), adapter(second)),
                scope.add(script.call("no_packed_groups")));
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < INPUTS.length; module++) {
                float[] x = normal(5 * INPUTS[module]);
                double[][] expected = product(x, 5, weights[layer][module], INPUTS[module]);
                addLora(expected, x, 0, 2, first, layer, module);
                if (layer < 1) {
                    addLora(expected, x, 2, 4, second, layer, module);
                }
                assertThat(project(x, layer, module, lora))
                        .usingComparatorWithPrecision(1e-3f)
                        .containsExactly(flat(expected));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(Layout.class)
    @DisplayName("With packed groups each row gets B A x of its own adapter in bytes, below its boundary")
    void packedAgrees(Layout layout) {
        install(ComputeType.INT8);
        Lora first = lora(new int[] {3, 2, 4, 1}, false);
        Lora second = lora(new int[] {1, 0, 2, 5}, false);
        List<Value> own = List.of(
                scope.add(script.call("pack_adapter", adapter(first))),
                scope.add(script.call("pack_adapter", adapter(second))));
        List<Value> groups = new ArrayList<>(own);
        boolean shared = layout != Layout.OWN_GROUPS;
        if (shared) {
            groups = List.of(scope.add(script.call("merge_groups", scope.add(torch.list(own)))));
        }
        if (layout == Layout.FUSED) {
            groups = List.of(scope.add(script.call("fuse_with_base", scope.add(torch.list(groups)))));
        }
        Value lora = layout(
                5,
                List.of(
                        LoraSpanField.span(0, 2, new Boundary(2), 0, 0),
                        LoraSpanField.span(2, 4, new Boundary(1), shared ? 0 : 1, shared ? 1 : 0)),
                List.of(adapter(first), adapter(second)),
                scope.add(torch.list(groups)));
        Value none = scope.add(script.call("no_lora"));
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < INPUTS.length; module++) {
                float[] x = normal(5 * INPUTS[module]);
                double[][] expected = new double[5][outputs(module)];
                addLora(expected, x, 0, 2, inBytes(first), layer, module);
                if (layer < 1) {
                    addLora(expected, x, 2, 4, inBytes(second), layer, module);
                }
                float[] base = project(x, layer, module, none);
                float[] difference = project(x, layer, module, lora);
                for (int i = 0; i < base.length; i++) {
                    difference[i] -= base[i];
                }
                // fused A are int8 with one scale per output, and read the input in bytes
                float bound = layout == Layout.FUSED ? 0.05f * largest(expected) : 1e-3f;
                assertThat(difference)
                        .as("layer %d, module %d", layer, module)
                        .usingComparatorWithPrecision(bound)
                        .containsExactly(flat(expected));
                assertThat(lastRow(difference, module))
                        .as("a row without an adapter")
                        .containsOnly(0);
            }
        }
    }

    @Test
    @DisplayName("A packed group gives an adapter the same result, bit for bit, alone and merged with others")
    void mergingKeepsResults() {
        install(ComputeType.INT8);
        Value adapter = adapter(lora(new int[] {3, 2, 4, 1}, false));
        Value other = adapter(lora(new int[] {8, 6, 7, 9}, false));
        Value alone = scope.add(script.call("pack_adapter", adapter));
        Value merged = scope.add(script.call(
                "merge_groups", scope.add(torch.list(List.of(scope.add(script.call("pack_adapter", other)), alone)))));
        Value one = layout(
                2,
                List.of(LoraSpanField.span(0, 2, new Boundary(2), 0, 0)),
                List.of(adapter),
                scope.add(torch.list(List.of(alone))));
        Value two = layout(
                2,
                List.of(LoraSpanField.span(0, 2, new Boundary(2), 0, 1)),
                List.of(adapter),
                scope.add(torch.list(List.of(merged))));
        for (int module = 0; module < INPUTS.length; module++) {
            float[] x = normal(2 * INPUTS[module]);
            assertThat(project(x, 1, module, two)).isEqualTo(project(x, 1, module, one));
        }
    }

    /** Installs random weights, returned as {@code [layer][module][out * in]}. */
    private float[][][] install(ComputeType type) {
        Value norm = ones(HIDDEN);
        script.call(
                        "install",
                        tensor(normal(8 * HIDDEN), 8, HIDDEN),
                        norm,
                        tensor(normal(8 * HIDDEN), 8, HIDDEN),
                        ones(HEAD_DIM / 2),
                        scope.add(torch.number(1.0)),
                        scope.add(torch.number(1e-5)),
                        number(HIDDEN),
                        number(HEADS),
                        number(KV_HEADS),
                        number(HEAD_DIM),
                        number(INTERMEDIATE),
                        scope.add(torch.numbers(NONE, NONE)),
                        number(type.ordinal()),
                        scope.add(torch.flag(false)),
                        number(NONE))
                .close();
        float[][][] weights = new float[LAYERS][INPUTS.length][];
        Value states = tensor(normal(6 * HIDDEN), 1, 6, HIDDEN);
        Value norms = scope.add(torch.list(List.of(norm, norm, scope.add(torch.floats()))));
        for (int layer = 0; layer < LAYERS; layer++) {
            List<Value> linears = new ArrayList<>();
            for (int module = 0; module < INPUTS.length; module++) {
                weights[layer][module] = normal(outputs(module) * INPUTS[module]);
                linears.add(tensor(weights[layer][module], outputs(module), INPUTS[module]));
                linears.add(scope.add(torch.floats()));
            }
            Value list = scope.add(torch.list(linears));
            states = scope.add(script.call("add_layer", norms, list, states));
            if (type == ComputeType.INT8) {
                Value rms = scope.add(script.call("measured_rms"));
                script.call("install_packed", scope.add(script.call("packed_layer", number(layer), rms, list)))
                        .close();
            }
        }
        return weights;
    }

    private Lora lora(int[] ranks, boolean scaled) {
        float[][][] a = new float[LAYERS][ranks.length][];
        float[][][] b = new float[LAYERS][ranks.length][];
        float[][][] factors = new float[LAYERS][ranks.length][];
        float[][][] shifts = new float[LAYERS][ranks.length][];
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < ranks.length; module++) {
                a[layer][module] = normal(INPUTS[module] * PARTS[module].length * ranks[module]);
                b[layer][module] = normal(ranks[module] * outputs(module));
                factors[layer][module] = scaled ? normal(outputs(module)) : null;
                shifts[layer][module] = scaled ? normal(outputs(module)) : null;
            }
        }
        return new Lora(ranks, a, b, factors, shifts);
    }

    private Value adapter(Lora lora) {
        List<Value> factors = new ArrayList<>();
        List<Value> scales = new ArrayList<>();
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < INPUTS.length; module++) {
                int rank = lora.ranks()[module];
                factors.add(tensor(lora.a()[layer][module], INPUTS[module], PARTS[module].length * rank));
                factors.add(tensor(lora.b()[layer][module], rank, outputs(module)));
                if (lora.factors()[layer][module] != null) {
                    scales.add(scope.add(torch.floats(lora.factors()[layer][module])));
                    scales.add(scope.add(torch.floats(lora.shifts()[layer][module])));
                }
            }
        }
        if (scales.isEmpty()) {
            scales.add(scope.add(torch.floats()));
        }
        return scope.add(script.call("adapter", scope.add(torch.list(factors)), scope.add(torch.list(scales))));
    }

    private Value layout(int rows, List<long[]> groups, List<Value> adapters, Value packedGroups) {
        return scope.add(script.call(
                "lora",
                number(rows),
                scope.add(torch.numberLists(groups)),
                scope.add(torch.list(adapters)),
                packedGroups));
    }

    private float[] project(float[] x, int layer, int module, Value lora) {
        return scope.add(script.call("project_rows", scope.add(torch.floats(x)), number(layer), number(module), lora))
                .toFloats();
    }

    /** W x for each row. */
    private static double[][] product(float[] x, int rows, float[] weights, int in) {
        int out = weights.length / in;
        double[][] y = new double[rows][out];
        for (int row = 0; row < rows; row++) {
            for (int o = 0; o < out; o++) {
                for (int i = 0; i < in; i++) {
                    y[row][o] += (double) weights[o * in + i] * x[row * in + i];
                }
            }
        }
        return y;
    }

    /** y = factor * y + B A x + shift in the rows from {@code first} to {@code end - 1}. */
    private static void addLora(double[][] y, float[] x, int first, int end, Lora lora, int layer, int module) {
        int rank = lora.ranks()[module];
        int in = INPUTS[module];
        int parts = PARTS[module].length;
        for (int row = first; row < end; row++) {
            int output = 0;
            for (int part = 0; part < parts; part++) {
                for (int o = 0; o < PARTS[module][part]; o++, output++) {
                    double sum = 0;
                    for (int r = 0; r < rank; r++) {
                        double h = 0;
                        for (int i = 0; i < in; i++) {
                            h += (double) lora.a()[layer][module][i * parts * rank + part * rank + r] * x[row * in + i];
                        }
                        sum += h * lora.b()[layer][module][r * outputs(module) + output];
                    }
                    boolean scaled = lora.factors()[layer][module] != null;
                    double factor = scaled ? lora.factors()[layer][module][output] : 1;
                    double shift = scaled ? lora.shifts()[layer][module][output] : 0;
                    y[row][output] = factor * y[row][output] + sum + shift;
                }
            }
        }
    }

    /**
     * The adapter as bytes hold it: each input's row of A, and each rank's row of a chunk of B, between its minimum and
     * largest.
     */
    private static Lora inBytes(Lora lora) {
        float[][][] a = new float[LAYERS][INPUTS.length][];
        float[][][] b = new float[LAYERS][INPUTS.length][];
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < INPUTS.length; module++) {
                int[] parts = PARTS[module];
                a[layer][module] = rounded(lora.a()[layer][module], parts.length * lora.ranks()[module]);
                b[layer][module] = rounded(lora.b()[layer][module], parts[parts.length - 1]);
            }
        }
        return new Lora(lora.ranks(), a, b, lora.factors(), lora.shifts());
    }

    private static float[] rounded(float[] values, int width) {
        float[] rounded = new float[values.length];
        for (int start = 0; start < values.length; start += width) {
            float least = Float.POSITIVE_INFINITY;
            float largest = Float.NEGATIVE_INFINITY;
            for (int i = start; i < start + width; i++) {
                least = Math.min(least, values[i]);
                largest = Math.max(largest, values[i]);
            }
            float scale = (largest - least) / 255;
            for (int i = start; i < start + width; i++) {
                rounded[i] = scale == 0 ? least : (float) Math.rint((values[i] - least) / scale) * scale + least;
            }
        }
        return rounded;
    }

    private static float largest(double[][] rows) {
        double largest = 0;
        for (double[] row : rows) {
            for (double value : row) {
                largest = Math.max(largest, Math.abs(value));
            }
        }
        return (float) largest;
    }

    private static float[] lastRow(float[] rows, int module) {
        return Arrays.copyOfRange(rows, rows.length - outputs(module), rows.length);
    }

    private static float[] flat(double[][] rows) {
        float[] flat = new float[rows.length * rows[0].length];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = (float) rows[i / rows[0].length][i % rows[0].length];
        }
        return flat;
    }

    private static int outputs(int module) {
        int sum = 0;
        for (int part : PARTS[module]) {
            sum += part;
        }
        return sum;
    }

    private Value ones(int size) {
        float[] ones = new float[size];
        Arrays.fill(ones, 1);
        return scope.add(torch.floats(ones));
    }

    private float[] normal(int size) {
        float[] numbers = new float[size];
        for (int i = 0; i < size; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    private Value tensor(float[] numbers, long... shape) {
        return scope.add(script.call("shaped", scope.add(torch.floats(numbers)), scope.add(torch.numbers(shape))));
    }

    private Value number(long number) {
        return scope.add(torch.number(number));
    }
}
