package io.tidemark.decoder;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.attention.AttentionCall.Chunk;
import io.tidemark.decoder.attention.AttentionPlan;
import io.tidemark.decoder.attention.AttentionTiling;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.script.DecoderLayouts.LoraSpanField;
import io.tidemark.decoder.script.DecoderLayouts.NativePlanPart;
import io.tidemark.decoder.script.DecoderLayouts.OverrideSpanField;
import io.tidemark.decoder.script.DecoderLayouts.PlanPart;
import io.tidemark.decoder.script.DecoderLayouts.SegmentField;
import io.tidemark.decoder.script.NativeHandle;
import io.tidemark.decoder.script.PartList;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * The order of a step's tokens, and the numbers that describe it for {@code step.torchscript}. Rows with the same
 * boundary and adapter are contiguous. Attention needs the tokens ordered by slot: if the two orders differ, the script
 * permutes the activations.
 */
final class StepPlan {

    private final List<KvBlock> blocks;
    private final List<PlannedRow> rows = new ArrayList<>();
    private final List<PlannedRow> sampled;
    private final StackPlan stack;
    private final int tokens;
    private final List<LoraSpan> loraSpans;
    private final List<OverrideSpan> overrideSpans;

    /**
     * A row in the order of the step.
     *
     * @param firstToken index of the row's first token among all tokens of the step
     */
    private record PlannedRow(StepRow row, int firstToken) {

        int tokens() {
            return row.tokens().size();
        }

        int endToken() {
            return firstToken + tokens();
        }

        Chunk chunk() {
            return new Chunk(row.slot(), firstToken, row.position(), tokens());
        }

        /** The row as {@link SegmentField} numbers. Norms of the adapter apply at every boundary. */
        LongStream segment() {
            return LongStream.of(SegmentField.segment(
                    row.slot().block().handle(),
                    row.slot().index(),
                    row.position(),
                    tokens(),
                    row.lora().map(LoraWeights::handle).orElse(NativeHandle.NONE),
                    row.effectiveBoundary()));
        }
    }

    /** Tokens {@code [firstToken, endToken)}, whose rows have the same adapter and boundary. */
    record LoraSpan(int firstToken, int endToken, Boundary boundary, LoraWeights weights) {}

    /**
     * Tokens {@code [firstToken, endToken)}, whose rows have the same adapter with overrides, and their indices
     * {@code [firstSampled, endSampled)} among the sampled rows.
     */
    record OverrideSpan(int firstToken, int endToken, int firstSampled, int endSampled, LoraWeights weights) {}

    /** @param stack the rows that multiply with a stack; they are the first of the step */
    StepPlan(List<StepRow> batch, StackPlan stack) {
        this.stack = stack;
        blocks = batch.stream().map(row -> row.slot().block()).distinct().toList();
        List<StepRow> ordered = new ArrayList<>(batch);
        ordered.sort(Comparator.comparing(stack::contains)
                .thenComparing(StepRow::effectiveBoundary)
                .reversed()
                .thenComparingInt(row -> System.identityHashCode(row.lora().orElse(null)))
                .thenComparing(row -> row.tokens().size() > 1)
                .thenComparingInt(row -> blocks.indexOf(row.slot().block()))
                .thenComparingInt(row -> row.slot().index()));
        int token = 0;
        for (StepRow row : ordered) {
            rows.add(new PlannedRow(row, token));
            token += row.tokens().size();
        }
        tokens = token;
        sampled = rows.stream().filter(row -> row.row().sampling().isPresent()).toList();
        loraSpans = findLoraSpans();
        overrideSpans = findOverrideSpans();
    }

    private List<LoraSpan> findLoraSpans() {
        List<LoraSpan> spans = new ArrayList<>();
        for (PlannedRow planned : rows) {
            if (!planned.row().hasLora() || stack.contains(planned.row())) {
                continue;
            }
            Boundary boundary = planned.row().boundary();
            LoraWeights weights = planned.row().lora().orElseThrow();
            int last = spans.size() - 1;
            if (last >= 0
                    && spans.get(last).weights() == weights
                    && spans.get(last).boundary().equals(boundary)) {
                int first = spans.get(last).firstToken();
                spans.set(last, new LoraSpan(first, planned.endToken(), boundary, weights));
            } else {
                spans.add(new LoraSpan(planned.firstToken(), planned.endToken(), boundary, weights));
            }
        }
        return List.copyOf(spans);
    }

    private List<OverrideSpan> findOverrideSpans() {
        List<OverrideSpan> spans = new ArrayList<>();
        int firstSampled = 0;
        for (PlannedRow planned : rows) {
            int endSampled = firstSampled + (planned.row().sampling().isPresent() ? 1 : 0);
            if (planned.row().lora().filter(LoraWeights::hasOverrides).isPresent()) {
                LoraWeights weights = planned.row().lora().orElseThrow();
                int last = spans.size() - 1;
                if (last >= 0
                        && spans.get(last).weights() == weights
                        && spans.get(last).endToken() == planned.firstToken()) {
                    OverrideSpan open = spans.get(last);
                    spans.set(
                            last,
                            new OverrideSpan(
                                    open.firstToken(), planned.endToken(), open.firstSampled(), endSampled, weights));
                } else {
                    spans.add(new OverrideSpan(
                            planned.firstToken(), planned.endToken(), firstSampled, endSampled, weights));
                }
            }
            firstSampled = endSampled;
        }
        return spans;
    }

    /** Whether each row has one token. */
    boolean isDecoding() {
        return tokens == rows.size();
    }

    /** The rows with a sampled token, in the order of the step's results. */
    List<StepRow> sampled() {
        return sampled.stream().map(PlannedRow::row).toList();
    }

    AttentionPlan attention(AttentionTiling tiling) {
        return new AttentionPlan(tiling, rows.stream().map(PlannedRow::chunk).toList(), blocks, tokens);
    }

    List<KvBlock> blocks() {
        return blocks;
    }

    /** The stack that rows of the step multiply with. */
    Optional<Value> stack() {
        return stack.tensors();
    }

    StackPlan.Numbers stacked(int layers) {
        return stack.numbers(
                rows.stream().map(PlannedRow::row).filter(stack::contains).toList(), layers);
    }

    /** Tokens without LoRA, and those of the stack, are in no span. */
    List<LoraSpan> loraSpans() {
        return loraSpans;
    }

    List<OverrideSpan> overrideSpans() {
        return overrideSpans;
    }

    /** The plan as the script takes it. */
    PartList<PlanPart> parts(AttentionPlan attention, StackPlan.Numbers stacked) {
        PartList<PlanPart> parts = new PartList<>(PlanPart.class);
        parts.set(PlanPart.IDS, ids());
        parts.set(PlanPart.POSITIONS, positions());
        parts.set(PlanPart.SAMPLED, sampledTokens());
        parts.set(PlanPart.SLOTS, attention.slots());
        parts.set(PlanPart.ORDER, attention.order());
        parts.set(PlanPart.RESTORED_ORDER, attention.restoredOrder());
        parts.set(PlanPart.STACKED_ROWS, stacked.rows());
        parts.set(PlanPart.STACKED_POSITIONS, stacked.positions());
        return parts;
    }

    List<long[]> attentionNumbers(AttentionPlan attention) {
        return attention.calls().stream()
                .map(call -> call.numbers(blocks.indexOf(call.block())))
                .toList();
    }

    /** The plan as the native path takes it: each row is a segment. */
    PartList<NativePlanPart> nativeParts() {
        PartList<NativePlanPart> parts = new PartList<>(NativePlanPart.class);
        parts.set(NativePlanPart.IDS, ids());
        parts.set(NativePlanPart.SAMPLED, sampledTokens());
        parts.set(
                NativePlanPart.SEGMENTS,
                rows.stream().flatMapToLong(PlannedRow::segment).toArray());
        return parts;
    }

    private long[] ids() {
        return rows.stream()
                .flatMap(planned -> planned.row().tokens().stream())
                .mapToLong(Integer::longValue)
                .toArray();
    }

    private long[] positions() {
        return rows.stream()
                .flatMapToInt(planned -> IntStream.range(0, planned.tokens())
                        .map(i -> planned.row().position() + i))
                .asLongStream()
                .toArray();
    }

    /** The tokens whose logits are sampled. */
    private long[] sampledTokens() {
        return sampled.stream().mapToLong(planned -> planned.endToken() - 1).toArray();
    }

    /** The LoRA spans as {@link LoraSpanField} lists. */
    List<long[]> loraNumbers() {
        if (loraSpans.isEmpty()) {
            return List.of(LoraSpanField.empty());
        }
        return loraSpans.stream()
                .map(span -> LoraSpanField.span(span.firstToken(), span.endToken(), span.boundary()))
                .toList();
    }

    /** The override spans as {@link OverrideSpanField} lists. */
    List<long[]> overrideNumbers() {
        if (overrideSpans.isEmpty()) {
            return List.of(OverrideSpanField.empty());
        }
        return overrideSpans.stream()
                .map(span -> OverrideSpanField.span(
                        span.firstToken(), span.endToken(), span.firstSampled(), span.endSampled()))
                .toList();
    }
}
