package io.tidemark.decoder;

import io.tidemark.decoder.attention.AttentionPlan;
import io.tidemark.decoder.attention.AttentionTiling;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.sampling.SamplingBatch;
import io.tidemark.decoder.script.DecoderLayouts.NativePlanPart;
import io.tidemark.decoder.script.DecoderLayouts.PlanPart;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.DecoderMethod.NativeStepArgument;
import io.tidemark.decoder.script.DecoderMethod.StepArgument;
import io.tidemark.decoder.script.PartList;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The arguments of one call of {@code step.torchscript}, by {@link StepArgument}, or of {@code native.torchscript}, by
 * {@link NativeStepArgument}; closing this frees them.
 */
final class StepArguments implements AutoCloseable {

    private final DecoderContext context;
    private final StepPlan plan;
    private final AttentionTiling tiling;
    private final Optional<StepGraphs> graphs;
    private final ValueScope scope = new ValueScope();

    StepArguments(DecoderContext context, StepPlan plan, AttentionTiling tiling, Optional<StepGraphs> graphs) {
        this.context = context;
        this.plan = plan;
        this.tiling = tiling;
        this.graphs = graphs;
    }

    /** The arguments of {@link DecoderMethod#STEP}. */
    Value[] forInputs() {
        return step(DecoderMethod.STEP);
    }

    /** The arguments of {@link DecoderMethod#STEP_AND_SAMPLE}. */
    Value[] forTokens(SamplingBatch sampling) {
        return withSampling(step(DecoderMethod.STEP_AND_SAMPLE), sampling);
    }

    /** The arguments of {@link DecoderMethod#NATIVE_STEP}. */
    Value[] forNativeInputs() {
        return nativeStep(DecoderMethod.NATIVE_STEP);
    }

    /** The arguments of {@link DecoderMethod#NATIVE_STEP_AND_SAMPLE}. */
    Value[] forNativeTokens(SamplingBatch sampling) {
        return withSampling(nativeStep(DecoderMethod.NATIVE_STEP_AND_SAMPLE), sampling);
    }

    private Value[] nativeStep(DecoderMethod method) {
        PartList<NativePlanPart> parts = plan.nativeParts();
        Value[] all = new Value[method.parameters().size()];
        all[NativeStepArgument.PLAN.ordinal()] = numbers(parts.numbers());
        all[NativeStepArgument.PLAN_SIZES.ordinal()] = numbers(parts.sizes());
        all[NativeStepArgument.THREADS.ordinal()] =
                scope.add(context.torch().number(context.threads().prepare()));
        all[NativeStepArgument.OVERRIDE_SPANS.ordinal()] =
                scope.add(context.torch().numberLists(plan.overrideNumbers()));
        all[NativeStepArgument.OVERRIDES.ordinal()] = overrides();
        return all;
    }

    private Value[] withSampling(Value[] all, SamplingBatch sampling) {
        Value[] last = sampling(sampling, false);
        System.arraycopy(last, 0, all, all.length - last.length, last.length);
        return all;
    }

    /** The arguments of {@link DecoderMethod#SAMPLE_AGAIN}. */
    Value[] forTokensAgain(Value logits, SamplingBatch sampling) {
        return Stream.concat(Stream.of(logits), Arrays.stream(sampling(sampling, true)))
                .toArray(Value[]::new);
    }

    /** The last arguments of the methods that sample, in order. */
    private Value[] sampling(SamplingBatch sampling, boolean whole) {
        Value masks = sampling.masks()
                .map(bits -> scope.add(context.torch().hostBytes(bits)))
                .orElse(context.empty().masks());
        return new Value[] {
            numbers(sampling.inputs().numbers()),
            numbers(sampling.inputs().sizes()),
            numbers(sampling.sizes(whole)),
            masks
        };
    }

    private Value[] step(DecoderMethod method) {
        Torch torch = context.torch();
        AttentionPlan attention = plan.attention(tiling);
        StackPlan.Numbers stacked = plan.stacked(context.config().numLayers());
        PartList<PlanPart> parts = plan.parts(attention, stacked);
        Value[] all = new Value[method.parameters().size()];
        set(all, StepArgument.PLAN, numbers(parts.numbers()));
        set(all, StepArgument.PLAN_SIZES, numbers(parts.sizes()));
        set(all, StepArgument.CALLS, scope.add(torch.numberLists(plan.attentionNumbers(attention))));
        set(
                all,
                StepArgument.CACHES,
                list(plan.blocks().stream().map(KvBlock::cache).toList()));
        set(all, StepArgument.LORA_SPANS, scope.add(torch.numberLists(plan.loraNumbers())));
        set(all, StepArgument.ADAPTERS, adapters());
        set(
                all,
                StepArgument.STACKS,
                plan.stack()
                        .map(stack -> list(List.of(stack)))
                        .orElse(context.empty().stacks()));
        set(all, StepArgument.STACKED_LAYERS, scope.add(torch.numberLists(stacked.layers())));
        set(all, StepArgument.OVERRIDE_SPANS, scope.add(torch.numberLists(plan.overrideNumbers())));
        set(all, StepArgument.OVERRIDES, overrides());
        set(
                all,
                StepArgument.GRAPH,
                numbers(graphs.map(of -> of.graph(plan, attention, stacked, parts.sizes()))
                        .orElse(StepGraphs.NO_GRAPH)));
        return all;
    }

    private static void set(Value[] all, StepArgument argument, Value value) {
        all[argument.ordinal()] = value;
    }

    private Value numbers(long[] numbers) {
        return scope.add(context.torch().numbers(numbers));
    }

    /** The adapter of each LoRA span. */
    private Value adapters() {
        return list(
                plan.loraSpans().stream().map(span -> span.weights().tensors()).toList(),
                context.empty().adapters());
    }

    private Value overrides() {
        return list(
                plan.overrideSpans().stream()
                        .map(span -> span.weights().overrides().orElseThrow())
                        .toList(),
                context.empty().overrides());
    }

    private Value list(List<Value> values, Value empty) {
        return values.isEmpty() ? empty : list(values);
    }

    private Value list(List<Value> values) {
        return scope.add(context.torch().list(values));
    }

    @Override
    public void close() {
        scope.close();
    }
}
