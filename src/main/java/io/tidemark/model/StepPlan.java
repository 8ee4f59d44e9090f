package io.tidemark.model;

import io.tidemark.model.AttentionUnit.Piece;
import io.tidemark.model.OwnRuns.OwnRun;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The arrays that {@code step.torchscript} takes for a batch of rows. Tokens lie side by side, rows ordered by boundary,
 * highest first, so that the tokens that still need LoRA in a layer are the first ones. Attention wants them in the order
 * of the slots: where the two orders differ, activations are permuted and put back.
 */
final class StepPlan {

    private final List<PlacedRow> rows = new ArrayList<>();
    private final List<PlacedRow> wanted;
    private final List<KvBlock> blocks;
    private final List<AttentionUnit> units;
    private final List<LoraGroup> groups;
    private final List<OwnRun> ownRuns;
    private final int tokens;
    private final long[] order;
    private final boolean moved;

    /** A row of the step and the index of its first token among all tokens of the step. */
    record PlacedRow(StepRow row, int firstToken) {

        int tokens() {
            return row.tokens().size();
        }

        KvBlock block() {
            return row.slot().block();
        }
    }

    /** Rows {@code [firstToken, endToken)} that share an adapter and a boundary. */
    record LoraGroup(int firstToken, int endToken, int loraLayers, LoraWeights weights) {
    }

    StepPlan(List<StepRow> batch, AttentionTiles tiles) {
        blocks = batch.stream().map(row -> row.slot().block()).distinct().toList();
        List<StepRow> ordered = new ArrayList<>(batch);
        ordered.sort(Comparator.comparingInt(StepRow::effectiveLoraLayers).reversed()
                .thenComparingInt(row -> row.lora().map(System::identityHashCode).orElse(0))
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
        groups = groupsOf(rows);
        ownRuns = OwnRuns.of(rows);
        order = orderOf(units);
        moved = !isCounting(order, tokens);
    }

    int tokens() {
        return tokens;
    }

    /** Rows that the attention calls compute, stand-ins included. */
    int attended() {
        return order.length;
    }

    /** Whether the units take the tokens in another order than their own. */
    boolean isMoved() {
        return moved;
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
        units.forEach(unit -> addSlots(plan, unit));
        if (moved) {
            plan.addAll(order);
            plan.addAll(restored());
        }
        return plan.toArray();
    }

    private static List<LoraGroup> groupsOf(List<PlacedRow> rows) {
        List<LoraGroup> found = new ArrayList<>();
        for (PlacedRow placed : rows) {
            int loraLayers = placed.row().effectiveLoraLayers();
            if (loraLayers == 0) {
                continue;
            }
            LoraWeights weights = placed.row().lora().orElseThrow();
            LoraGroup last = found.isEmpty() ? null : found.get(found.size() - 1);
            int end = placed.firstToken() + placed.tokens();
            if (last != null && last.weights() == weights && last.loraLayers() == loraLayers) {
                found.set(found.size() - 1, new LoraGroup(last.firstToken(), end, loraLayers, weights));
            } else {
                found.add(new LoraGroup(placed.firstToken(), end, loraLayers, weights));
            }
        }
        return found;
    }

    /** For each slot of a unit's run its piece; a slot without one stands in with the first, which is then stored twice. */
    private static List<Piece> standing(AttentionUnit unit) {
        List<Piece> standing = new ArrayList<>();
        int next = 0;
        for (int slot = unit.firstSlot(); slot < unit.endSlot(); slot++) {
            boolean present = unit.pieces().get(next).slot().index() == slot;
            standing.add(unit.pieces().get(present ? next : 0));
            next += present ? 1 : 0;
        }
        return standing;
    }

    /** The units' tokens, one after another. */
    private static long[] orderOf(List<AttentionUnit> units) {
        LongList order = new LongList();
        for (AttentionUnit unit : units) {
            standing(unit).forEach(piece -> order.addRange(piece.firstToken(), unit.queries()));
        }
        return order.toArray();
    }

    private static boolean isCounting(long[] order, int tokens) {
        for (int i = 0; i < order.length; i++) {
            if (order[i] != i) {
                return false;
            }
        }
        return order.length == tokens;
    }

    private static void addSlots(LongList plan, AttentionUnit unit) {
        for (Piece piece : standing(unit)) {
            for (int query = 0; query < unit.queries(); query++) {
                plan.add(piece.slot().index());
            }
        }
    }

    /** For each token, where the units' order has its own row and not a stand-in. */
    private long[] restored() {
        long[] places = new long[tokens];
        int start = 0;
        for (AttentionUnit unit : units) {
            for (Piece piece : unit.pieces()) {
                for (int query = 0; query < unit.queries(); query++) {
                    places[piece.firstToken() + query] = start + (piece.slot().index() - unit.firstSlot()) * unit.queries() + query;
                }
            }
            start += unit.rows();
        }
        return places;
    }
}
