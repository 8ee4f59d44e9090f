package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraPlaces;
import io.tidemark.decoder.lora.LoraStack;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.weights.DecoderScript;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.stream.IntStream;

/** The LoRA of a step: its groups, and in which stack each group's adapter runs. */
final class StepLora {

    private final DecoderParts parts;
    private final Layout layout;
    private final List<Integer> stackOf;

    /** What decides how rows and stacks lie to each other. Steps with equal ones differ in nothing else but their numbers. */
    record Layout(int tokens, List<LoraGroup> groups, LoraPlaces places) {}

    StepLora(DecoderParts parts, StepPlan plan, LoraPlaces places) {
        this.parts = parts;
        this.layout = new Layout(plan.tokens(), List.copyOf(plan.groups()), places);
        this.stackOf = layout.groups().stream()
                .map(group -> places.placeOf(group.weights()).stack())
                .toList();
    }

    Layout layout() {
        return layout;
    }

    /** Whether all groups run in stacks and nothing else is done for their adapters in the layers. */
    boolean isOnlyStacked() {
        return !stackOf.isEmpty() && !stackOf.contains(-1) && isPlain();
    }

    /** The groups as {@code projection.torchscript} takes them. */
    List<long[]> bounds() {
        if (layout.groups().isEmpty()) {
            return List.of(DecoderScript.NO_GROUP);
        }
        long adjusted = isPlain() ? 0 : 1;
        long alone = stackOf.contains(-1) ? 1 : 0;
        long highest = IntStream.range(0, stackOf.size())
                .filter(i -> stackOf.get(i) >= 0)
                .map(i -> layout.groups().get(i).loraLayers())
                .max()
                .orElse(0);
        return IntStream.range(0, stackOf.size())
                .mapToObj(i -> {
                    LoraGroup group = layout.groups().get(i);
                    return new long[] {
                        group.firstToken(),
                        group.endToken(),
                        group.loraLayers(),
                        stackOf.get(i),
                        layout.places().placeOf(group.weights()).member(),
                        adjusted,
                        alone,
                        highest
                    };
                })
                .toList();
    }

    /** One list of tensors a group. */
    List<Value> adapters() {
        if (layout.groups().isEmpty()) {
            return List.of(parts.noAdapter().tensors());
        }
        return layout.groups().stream()
                .map(LoraGroup::weights)
                .map(LoraWeights::tensors)
                .toList();
    }

    List<Value> stacks() {
        List<LoraStack> stacks = layout.places().stacks();
        return stacks.isEmpty()
                ? List.of(parts.noStack())
                : stacks.stream().map(LoraStack::value).toList();
    }

    private boolean isPlain() {
        return layout.groups().stream().allMatch(group -> group.weights().isPlain());
    }
}
