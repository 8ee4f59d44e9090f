package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.ADAPTER;
import static io.tidemark.decoder.script.DecoderMethod.ADAPTER_BYTES;
import static io.tidemark.decoder.script.DecoderMethod.CONCAT_A;
import static io.tidemark.decoder.script.DecoderMethod.CONCAT_B;
import static io.tidemark.decoder.script.DecoderMethod.DORA_FACTOR;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_ADAPTER;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_ADAPTER_BYTES;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_LORA;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_NORMS;
import static io.tidemark.decoder.script.DecoderMethod.NATIVE_OVERRIDES;
import static io.tidemark.decoder.script.DecoderMethod.OVERRIDE_BYTES;
import static io.tidemark.decoder.script.DecoderMethod.SCALED;
import static io.tidemark.decoder.script.DecoderMethod.SCALED_B;

import io.tidemark.decoder.script.DecoderLayouts.LinearModule;
import io.tidemark.decoder.script.DecoderLayouts.LoraFactor;
import io.tidemark.decoder.script.DecoderLayouts.LoraScale;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModuleNames;
import io.tidemark.model.Projection;
import io.tidemark.model.StoredTensor;
import io.tidemark.model.WeightFiles;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Loads adapters to the device in the layout of the decoder: modules with the same input are fused to one A and one B.
 * Thread-safe.
 */
public final class LoraLoader {

    private final Path modelFolder;
    private final ModelConfig config;
    private final Kernels kernels;
    private final TensorLoader loader;

    /**
     * @param modelFolder the base model's folder: magnitudes and copies refer to its tensors
     * @param kernels     the kernels of the decoder that will use the weights
     */
    public LoraLoader(Path modelFolder, ModelConfig config, Kernels kernels, TensorLoader loader) {
        this.modelFolder = modelFolder;
        this.config = config;
        this.kernels = kernels;
        this.loader = loader;
    }

    /**
     * Loads an adapter.
     *
     * @param source the adapter's folder, for error messages
     * @throws InvalidModelException if a tensor has values that are not finite, or contradicts the base model
     */
    public LoraWeights load(Path source, StoredAdapter adapter) {
        try (ValueScope scope = new ValueScope()) {
            Optional<Value> overrides = new NonBlockLora(modelFolder, config, loader, source).load(adapter);
            overrides.ifPresent(scope::add);
            if (kernels.isFamily()) {
                return inNativeDecoder(source, adapter.layers(), overrides);
            }
            Value tensors = scope.add(layers(source, adapter.layers()));
            long bytes = number(ADAPTER_BYTES, tensors)
                    + overrides.map(value -> number(OVERRIDE_BYTES, value)).orElse(0L);
            scope.release();
            return LoraWeights.inScript(tensors, overrides, isPlain(adapter.layers()), bytes);
        }
    }

    /** Copies the weights to the native decoder, which computes all of them except for the remaining overrides. */
    private LoraWeights inNativeDecoder(
            Path source, List<Map<Projection, LoraModule>> layers, Optional<Value> overrides) {
        NativeHandle handle = NativeHandle.create(loader.torch(), loader.script(), NATIVE_ADAPTER);
        try (ValueScope scope = new ValueScope();
                Value number = loader.torch().number(handle.number())) {
            overrides.ifPresent(
                    all -> loader.script().call(NATIVE_NORMS, number, all).close());
            Optional<Value> remaining =
                    overrides.map(all -> scope.add(loader.script().call(NATIVE_OVERRIDES, all)));
            for (int layer = 0; layer < layers.size(); layer++) {
                for (LinearModule module : LinearModule.values()) {
                    copyLinear(source, number, layer, layers.get(layer), module);
                }
            }
            long bytes = number(NATIVE_ADAPTER_BYTES, number)
                    + remaining.map(value -> number(OVERRIDE_BYTES, value)).orElse(0L);
            scope.release();
            return LoraWeights.inNativeDecoder(handle, remaining, bytes);
        } catch (RuntimeException e) {
            handle.close();
            throw e;
        }
    }

    private void copyLinear(
            Path source, Value adapter, int layer, Map<Projection, LoraModule> modules, LinearModule module) {
        List<LoraModule> loras = module.parts().stream()
                .flatMap(part -> Optional.ofNullable(modules.get(part)).stream())
                .toList();
        if (loras.isEmpty()) {
            return;
        }
        try (ValueScope scope = new ValueScope()) {
            List<Value> factors = new ArrayList<>();
            List<Value> scales = new ArrayList<>();
            addFused(scope, factors, scales, linears(source, layer, modules, module.parts()), layer, module);
            Value none = scope.add(loader.zeros(0));
            Value layerIndex = scope.add(loader.torch().number(layer));
            Value moduleIndex = scope.add(loader.torch().number(module.ordinal()));
            loader.script()
                    .call(
                            NATIVE_LORA,
                            adapter,
                            layerIndex,
                            moduleIndex,
                            factors.get(LoraFactor.A.ordinal()),
                            factors.get(LoraFactor.B.ordinal()),
                            isPlain(loras) ? none : scales.get(LoraScale.FACTOR.ordinal()),
                            isPlain(loras) ? none : scales.get(LoraScale.SHIFT.ordinal()))
                    .close();
        }
    }

    private long number(DecoderMethod method, Value value) {
        try (Value number = loader.script().call(method, value)) {
            return number.toNumber();
        }
    }

    /** The value of {@link LoraWeights#tensors}. */
    private Value layers(Path source, List<Map<Projection, LoraModule>> layers) {
        try (ValueScope scope = new ValueScope()) {
            List<Value> tensors = new ArrayList<>();
            List<Value> factorsAndShifts = new ArrayList<>();
            for (int layer = 0; layer < layers.size(); layer++) {
                for (LinearModule module : LinearModule.values()) {
                    List<Linear> linears = linears(source, layer, layers.get(layer), module.parts());
                    addFused(scope, tensors, factorsAndShifts, linears, layer, module);
                }
            }
            Value factors = scope.add(loader.torch().list(tensors));
            Value scales = scope.add(loader.torch().list(isPlain(layers) ? tensors.subList(0, 1) : factorsAndShifts));
            return loader.script().call(ADAPTER, factors, scales);
        }
    }

    private static boolean isPlain(List<Map<Projection, LoraModule>> layers) {
        return layers.stream().allMatch(layer -> isPlain(layer.values()));
    }

    private static boolean isPlain(Collection<LoraModule> modules) {
        return modules.stream()
                .allMatch(
                        module -> module.magnitude().isEmpty() && module.bias().isEmpty());
    }

    private List<Linear> linears(
            Path source, int layer, Map<Projection, LoraModule> modules, List<Projection> sharing) {
        Map<String, StoredTensor> base = isPlain(modules.values()) ? Map.of() : WeightFiles.read(modelFolder);
        return sharing.stream()
                .map(projection -> linear(
                        source,
                        Optional.ofNullable(modules.get(projection)),
                        projection.inputWidth(config),
                        projection.outputWidth(config),
                        Optional.ofNullable(base.get(ModuleNames.linear(layer, projection) + ".weight"))))
                .toList();
    }

    private void addFused(
            ValueScope scope,
            List<Value> tensors,
            List<Value> factorsAndShifts,
            List<Linear> linears,
            int layer,
            LinearModule module) {
        try (ValueScope parts = new ValueScope()) {
            linears.forEach(linear -> List.of(linear.a(), linear.b(), linear.factor(), linear.shift())
                    .forEach(parts::add));
            Value allA = parts.add(
                    loader.torch().list(linears.stream().map(Linear::a).toList()));
            Value allB = parts.add(
                    loader.torch().list(linears.stream().map(Linear::b).toList()));
            Value layerIndex = parts.add(loader.torch().number(layer));
            Value moduleIndex = parts.add(loader.torch().number(module.ordinal()));
            Map<LoraFactor, Value> factors = new EnumMap<>(LoraFactor.class);
            factors.put(LoraFactor.A, scope.add(loader.script().call(CONCAT_A, allA, layerIndex, moduleIndex)));
            factors.put(LoraFactor.B, scope.add(loader.script().call(CONCAT_B, allB)));
            tensors.addAll(factors.values());
            Map<LoraScale, Value> scales = new EnumMap<>(LoraScale.class);
            scales.put(
                    LoraScale.FACTOR,
                    scope.add(loader.concat(linears.stream().map(Linear::factor).toList())));
            scales.put(
                    LoraScale.SHIFT,
                    scope.add(loader.concat(linears.stream().map(Linear::shift).toList())));
            factorsAndShifts.addAll(scales.values());
        }
    }

    /**
     * LoRA of one linear module on the device. The output of the module is {@code factor * W x + B A x + shift}.
     *
     * @param a      {@code [r, in]}
     * @param b      {@code [out, r]}, multiplied by scale and factor
     * @param factor {@code [out]}
     * @param shift  {@code [out]}
     */
    private record Linear(Value a, Value b, Value factor, Value shift) {}

    /**
     * @param lora empty for a module without LoRA, which gets rank 0 so that the other fused modules keep their columns
     * @param base the weights of the base model, which a magnitude refers to
     */
    private Linear linear(Path source, Optional<LoraModule> lora, int in, int out, Optional<StoredTensor> base) {
        if (lora.isEmpty()) {
            return new Linear(loader.zeros(0, in), loader.zeros(out, 0), loader.filled(1, out), loader.zeros(out));
        }
        LoraModule module = lora.get();
        try (Value b = loader.load(source, module.b());
                Value scale = loader.torch().number(module.scale())) {
            Value a = loader.load(source, module.a());
            Value factor = module.magnitude()
                    .map(magnitude -> doraFactor(source, magnitude, base.orElseThrow(), a, b, scale))
                    .orElseGet(() -> loader.filled(1, out));
            Value scaledB = loader.script().call(SCALED_B, b, scale, factor);
            return new Linear(a, scaledB, factor, shift(source, module, out, scale));
        }
    }

    private Value doraFactor(Path source, StoredTensor magnitude, StoredTensor base, Value a, Value b, Value scale) {
        try (Value magnitudes = loader.load(source, magnitude);
                Value weight = loader.load(modelFolder, base)) {
            return loader.script().call(DORA_FACTOR, magnitudes, weight, a, b, scale);
        }
    }

    private Value shift(Path source, LoraModule module, int out, Value scale) {
        if (module.bias().isEmpty()) {
            return loader.zeros(out);
        }
        try (Value bias = loader.load(source, module.bias().get())) {
            return loader.script().call(SCALED, bias, scale);
        }
    }
}
