package io.tidemark.decoder;

import io.tidemark.decoder.OwnRuns.OwnRun;
import io.tidemark.decoder.attention.AttentionOrder;
import io.tidemark.decoder.attention.AttentionTiles;
import io.tidemark.decoder.attention.AttentionUnit;
import io.tidemark.decoder.attention.AttentionUnits;
import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.lora.LoraPlaces;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The arrays that {@code step.torchscript} takes for a batch of rows. Tokens lie side by side, those of a stack of adapters
 * together and ordered by boundary, highest first, so that the tokens that still need LoRA in a layer are its first ones.
 * Attention wants them in the order of the slots: where the two orders differ, activations are permuted and put back.
 */
final class StepPlan {

    private final List<PlacedRow> rows = new ArrayList<>();
    private final List<PlacedRow> wanted;
    private final List<KvBlock> blocks;
    private final List<AttentionUnit> units;
    private final List<LoraGroup> groups;
    private final List<OwnRun> ownRuns;
    private final int tokens;
    private final AttentionOrder order;

    StepPlan(List<StepRow> batch, AttentionTiles tiles, LoraPlaces places) {
        blocks = batch.stream().map(row -> row.slot().block()).distinct().toList();
        List<StepRow> ordered = new ArrayList<>(batch);
        ordered.sort(Comparator.comparingInt((StepRow row) -> stackOrder(row, places))
                .thenComparing(
                        Comparator.comparingInt(StepRow::effectiveLoraLayers).reversed())
                .thenComparingInt(row -> ownOrder(row, places))
                .thenComparing(row -> row.tokens().size() > 1)
                .thenComparingInt(row -> blocks.indexOf(row.slot().block()))
                .thenComparingInt(row -> row.slot().index()));
        int token = 0;
        for (StepRow row : ordered) {
            rows.add(new PlacedRow(row, token));
            token += row.tokens().size();
        }
        tokens = token;
        wanted = rows.stream().filter(row -> row.row().rule().isPresent()).toList();
        units = new AttentionUnits(tiles).of(rows, blocks);
        groups = LoraGroup.of(rows);
        ownRuns = OwnRuns.of(rows);
        order = new AttentionOrder(units, tokens);
    }

    int tokens() {
        return tokens;
    }

    /** Rows that the attention calls compute, stand-ins included. */
    int attended() {
        return order.rows();
    }

    /** Whether the units take the tokens in another order than their own. */
    boolean isMoved() {
        return order.isMoved();
    }

    /** The rows for which a token is chosen, in the order of the step's results. */
    List<StepRow> wanted() {
        return wanted.stream().map(PlacedRow::row).toList();
    }

    List<KvBlock> blocks() {
        return blocks;
    }

    List<LoraGroup> groups() {
        return groups;
    }

    List<OwnRun> ownRuns() {
        return ownRuns;
    }

    List<AttentionUnit> units() {
        return units;
    }

    /** The packed integers, in the order that {@code step.torchscript} documents. */
    long[] packed() {
        LongList plan = new LongList();
        rows.forEach(placed -> placed.row().tokens().forEach(plan::add));
        for (PlacedRow placed : rows) {
            plan.addRange(placed.row().position(), placed.tokens());
        }
        wanted.forEach(placed -> plan.add(placed.firstToken() + placed.tokens() - 1));
        order.addSlots(plan);
        if (order.isMoved()) {
            order.addMoves(plan);
        }
        return plan.toArray();
    }

    /** A stack takes its rows in any order; an adapter on its own, or with parts of its own, has them side by side. */
    private static int ownOrder(StepRow row, LoraPlaces places) {
        boolean apart = row.lora()
                .filter(weights -> weights.hasOwnParts()
                        || !weights.isPlain()
                        || places.placeOf(weights).stack() < 0)
                .isPresent();
        return apart ? System.identityHashCode(row.lora().orElseThrow()) : 0;
    }

    /** Rows of the stacks come first, then adapters on their own, then rows without LoRA. */
    private static int stackOrder(StepRow row, LoraPlaces places) {
        if (row.effectiveLoraLayers() == 0) {
            return Integer.MAX_VALUE;
        }
        int stack = places.placeOf(row.lora().orElseThrow()).stack();
        return stack < 0 ? places.stacks().size() : stack;
    }
}
