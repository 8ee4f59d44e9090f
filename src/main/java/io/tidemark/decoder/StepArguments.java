package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.lora.PackedLoraGroup;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The arguments of one call of {@code step.torchscript}; closing this frees them. */
final class StepArguments implements AutoCloseable {

    private final DecoderContext context;
    private final StepPlan plan;
    private final GatherIndexCache gatherIndices;
    private final ValueScope scope = new ValueScope();

    StepArguments(DecoderContext context, StepPlan plan, GatherIndexCache gatherIndices) {
        this.context = context;
        this.plan = plan;
        this.gatherIndices = gatherIndices;
    }

    /**
     * All arguments, in the order of the script.
     *
     * @param last the arguments after those of a step
     * @throws DecoderException if libtorch could not make the gather indices
     */
    Value[] with(Value... last) {
        Torch torch = context.torch();
        List<Value> all = new ArrayList<>();
        all.add(scope.add(torch.numbers(plan.numbers())));
        all.add(scope.add(torch.number(plan.tokens())));
        all.add(scope.add(torch.number(plan.sampled().size())));
        all.add(scope.add(torch.number(plan.attention().rows())));
        all.add(scope.add(torch.flag(plan.attention().isReordered())));
        all.add(scope.add(torch.numberLists(plan.attentionNumbers())));
        all.add(list(plan.blocks().stream().map(KvBlock::cache).toList()));
        all.add(scope.add(torch.numberLists(plan.loraNumbers())));
        addLora(all);
        all.add(scope.add(torch.numberLists(plan.overrideNumbers())));
        all.add(overrides());
        all.addAll(List.of(last));
        return all.toArray(Value[]::new);
    }

    /** The adapters and the packed groups, or the cached gather indices, which replace both. */
    private void addLora(List<Value> all) {
        Optional<Value> cached = gatherIndices.forStep(plan);
        if (cached.isPresent()) {
            all.add(context.empty().adapters());
            all.add(context.empty().packedGroups());
            all.add(scope.add(cached.get()));
        } else {
            all.add(adapters(context, plan, scope));
            all.add(packedGroups(context, plan, scope));
            all.add(context.empty().cachedLora());
        }
    }

    /** The adapter of each LoRA span. */
    static Value adapters(DecoderContext context, StepPlan plan, ValueScope scope) {
        List<Value> adapters =
                plan.loraSpans().stream().map(span -> span.weights().tensors()).toList();
        return list(context, adapters, context.empty().adapters(), scope);
    }

    static Value packedGroups(DecoderContext context, StepPlan plan, ValueScope scope) {
        List<Value> groups =
                plan.placement().groups().stream().map(PackedLoraGroup::value).toList();
        return list(context, groups, context.empty().packedGroups(), scope);
    }

    private Value overrides() {
        List<Value> overrides = plan.overrideSpans().stream()
                .map(span -> span.weights().overrides().orElseThrow())
                .toList();
        return list(context, overrides, context.empty().overrides(), scope);
    }

    private static Value list(DecoderContext context, List<Value> values, Value empty, ValueScope scope) {
        return values.isEmpty() ? empty : scope.add(context.torch().list(values));
    }

    private Value list(List<Value> values) {
        return scope.add(context.torch().list(values));
    }

    @Override
    public void close() {
        scope.close();
    }
}
