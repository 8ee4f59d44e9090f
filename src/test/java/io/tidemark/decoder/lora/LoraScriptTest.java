package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderScript.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.script.DecoderLayouts.LoraSpanField;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.SupportedKernels;
import io.tidemark.model.ComputeType;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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

    @BeforeEach
    void load() {
        torch = Torch.open(FixtureModel.OPTIONS);
        script = torch.script(DecoderScript.source("/torchscript/decoder-trial.torchscript"));
        scope = new ValueScope();
    }

    @AfterEach
    void close() {
        scope.close();
        script.close();
        torch.close();
    }

    @ParameterizedTest(name = "{0}, deterministic: {1}")
    @CsvSource({"FP32, false", "INT8, false", "INT8, true"})
    @DisplayName("The product is factor * W x + B A x + shift, below the boundary of each span")
    void addsLora(ComputeType type, boolean deterministic) {
        float[][][] weights = install(type, deterministic);
        Lora first = lora(new int[] {3, 2, 4, 1}, true);
        Lora second = lora(new int[] {1, 0, 2, 5}, false);
        Value lora = pass(List.of(span(0, 2, 2), span(2, 4, 1)), List.of(adapter(first), adapter(second)));
        Value none = pass(List.of(LoraSpanField.empty()), List.of(adapter(first)));
        for (int layer = 0; layer < LAYERS; layer++) {
            for (int module = 0; module < INPUTS.length; module++) {
                float[] x = normal(5 * INPUTS[module]);
                double[][] expected = type == ComputeType.FP32
                        ? product(x, 5, weights[layer][module], INPUTS[module])
                        : rows(project(x, layer, module, none), 5);
                addLora(expected, x, 0, 2, first, layer, module);
                if (layer < 1) {
                    addLora(expected, x, 2, 4, second, layer, module);
                }
                assertThat(project(x, layer, module, lora))
                        .as("layer %d, module %d", layer, module)
                        .usingComparatorWithPrecision(1e-3f)
                        .containsExactly(flat(expected));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    @DisplayName("In deterministic passes a row has the same product, bit for bit, alone and beside others")
    void rowsAreIndependent(int threads) {
        torch.setThreads(threads);
        install(ComputeType.INT8, true);
        Value adapter = adapter(lora(new int[] {3, 2, 4, 1}, true));
        Value other = adapter(lora(new int[] {8, 6, 7, 9}, false));
        int rows = 33;
        Value together = pass(List.of(span(0, 7, 1), span(7, rows, 2)), List.of(other, adapter));
        torch.setThreads(1);
        Value alone = pass(List.of(span(0, 1, 2)), List.of(adapter));
        for (int module = 0; module < INPUTS.length; module++) {
            float[] x = normal(rows * INPUTS[module]);
            torch.setThreads(threads);
            float[] all = project(x, 1, module, together);
            torch.setThreads(1);
            for (int row = 7; row < rows; row++) {
                float[] of = Arrays.copyOfRange(x, row * INPUTS[module], (row + 1) * INPUTS[module]);
                assertThat(project(of, 1, module, alone))
                        .as("row %d of module %d", row, module)
                        .isEqualTo(Arrays.copyOfRange(all, row * outputs(module), (row + 1) * outputs(module)));
            }
        }
    }

    /** Installs random weights, returned as {@code [layer][module][out * in]}. */
    private float[][][] install(ComputeType type, boolean deterministic) {
        SupportedKernels.assume(type);
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
                        scope.add(torch.flag(deterministic)),
                        scope.add(torch.flag(torch.isOnGpu())),
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

    private Value pass(List<long[]> spans, List<Value> adapters) {
        return scope.add(script.call("lora", scope.add(torch.numberLists(spans)), scope.add(torch.list(adapters))));
    }

    private static long[] span(int first, int end, int boundary) {
        return LoraSpanField.span(first, end, new Boundary(boundary));
    }

    private float[] project(float[] x, int layer, int module, Value lora) {
        Value rows = tensor(x, x.length / INPUTS[module], INPUTS[module]);
        return scope.add(script.call("project_rows", rows, number(layer), number(module), lora))
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

    private static double[][] rows(float[] flat, int count) {
        int width = flat.length / count;
        return IntStream.range(0, count)
                .mapToObj(row -> IntStream.range(row * width, (row + 1) * width)
                        .mapToDouble(i -> flat[i])
                        .toArray())
                .toArray(double[][]::new);
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
