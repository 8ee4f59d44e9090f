package io.tidemark.decoder.lora;

import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.StoredTensor;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * One linear module's LoRA on the device: its output becomes {@code factor * W x + B A x + shift}.
 *
 * @param a      {@code [r, in]}
 * @param b      {@code [out, r]}, with scale and factor multiplied in
 * @param factor {@code [out]}
 * @param shift  {@code [out]}
 */
record LoraTensors(Value a, Value b, Value factor, Value shift) {

    /** All of them, to be closed. */
    List<Value> values() {
        return List.of(a, b, factor, shift);
    }

    /** Brings modules to the device. */
    record Loader(TensorLoader tensors, Path source, Path modelFolder) {

        /**
         * @param lora empty for a module without LoRA, which takes part with rank 0 so that its neighbours keep their columns
         * @param base the weights that a magnitude is relative to
         */
        LoraTensors load(Optional<LoraModule> lora, int in, int out, Optional<StoredTensor> base) {
            if (lora.isEmpty()) {
                return new LoraTensors(
                        tensors.zeros(0, in), tensors.zeros(out, 0), tensors.filled(1, out), tensors.zeros(out));
            }
            LoraModule module = lora.get();
            try (Value b = tensors.load(source, module.b());
                    Value scale = tensors.torch().number(module.scale())) {
                Value a = tensors.load(source, module.a());
                Value factor = module.magnitude()
                        .map(magnitude -> factor(magnitude, base.orElseThrow(), a, b, scale))
                        .orElseGet(() -> tensors.filled(1, out));
                return new LoraTensors(
                        a, tensors.script().call("scaled_b", b, scale, factor), factor, shift(module, out, scale));
            }
        }

        private Value factor(StoredTensor magnitude, StoredTensor base, Value a, Value b, Value scale) {
            try (Value wanted = tensors.load(source, magnitude);
                    Value weight = tensors.load(modelFolder, base)) {
                return tensors.script().call("dora_factor", wanted, weight, a, b, scale);
            }
        }

        private Value shift(LoraModule module, int out, Value scale) {
            if (module.bias().isEmpty()) {
                return tensors.zeros(out);
            }
            try (Value bias = tensors.load(source, module.bias().get())) {
                return tensors.script().call("scaled", bias, scale);
            }
        }
    }
}
