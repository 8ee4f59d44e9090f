package io.tidemark.decoder.lora;

import io.tidemark.decoder.weights.TensorLoader;
import io.tidemark.model.ModuleNames;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * LoRA of the embedding and of the head on the device. What a module gave becomes {@code factor * it + B A x + shift}, with
 * scale and factor multiplied into B; tensors that change nothing have no elements.
 *
 * @param open   closes what is made
 * @param source the folder that an error names
 * @param inUse  gives the weights {@code [vocabulary, hidden]} that a magnitude is relative to, by the module's name
 */
record OuterLora(TensorLoader loader, ValueScope open, Path source, Function<String, Value> inUse) {

    /** A {@code [vocabulary, r]}, B {@code [r, hidden]} and factor {@code [hidden]}. */
    List<Value> embedding(Optional<LoraModule> lora) {
        return lora.map(module -> factors(module, ModuleNames.EMBEDDING, "embedding_dora"))
                .orElseGet(() -> List.of(nothing(), nothing(), nothing()));
    }

    /** A {@code [hidden, r]}, B {@code [r, vocabulary]}, factor and shift {@code [vocabulary]}. */
    List<Value> head(Optional<LoraModule> lora) {
        List<Value> tensors = new ArrayList<>(lora.map(module -> factors(module, ModuleNames.HEAD, "outer_dora"))
                .orElseGet(() -> List.of(nothing(), nothing(), nothing())));
        tensors.add(lora.map(this::shift).orElseGet(this::nothing));
        return tensors;
    }

    private List<Value> factors(LoraModule module, String name, String dora) {
        try (Value a = loader.load(source, module.a());
                Value b = loader.load(source, module.b());
                Value scale = loader.torch().number(module.scale());
                Value one = loader.torch().number(1.0)) {
            Value turnedA = made("outer_factor", a, one);
            if (module.magnitude().isEmpty()) {
                return List.of(turnedA, made("outer_factor", b, scale), nothing());
            }
            try (Value magnitude = loader.load(source, module.magnitude().get());
                    Value weights = inUse.apply(name)) {
                Value factor = made(dora, magnitude, weights, a, b, scale);
                try (Value whole = loader.script().call("scaled_b", b, scale, factor)) {
                    return List.of(turnedA, made("outer_factor", whole, one), factor);
                }
            }
        }
    }

    private Value shift(LoraModule module) {
        if (module.bias().isEmpty()) {
            return nothing();
        }
        try (Value bias = loader.load(source, module.bias().get());
                Value scale = loader.torch().number(module.scale())) {
            return made("scaled", bias, scale);
        }
    }

    private Value made(String method, Value... arguments) {
        return open.add(loader.script().call(method, arguments));
    }

    private Value nothing() {
        return open.add(loader.zeros(0));
    }
}
