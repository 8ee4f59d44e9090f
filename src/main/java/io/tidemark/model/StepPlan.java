package io.tidemark.model;

import io.tidemark.model.AttentionUnit.PlacedRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The arrays that {@code step.torchscript} takes for a batch of rows. Tokens lie side by side, rows ordered by boundary,
 * highest first, so that the tokens that still need LoRA in a layer are the first ones; attention permutes them to the
 * order of the slots and back.
 */
final class StepPlan {

    private final List<PlacedRow> rows = new ArrayList<>();
    private final List<PlacedRow> wanted;
    private final List<KvBlock> blocks;
    private final List<AttentionUnit> units;
    private final List<LoraGroup> groups;
    private final int tokens;

    /** Rows {@code [firstToken, endToken)} that share an adapter and a boundary. */
    record LoraGroup(int firstToken, int endToken, int loraLayers, LoraWeights weights) {
    }

    StepPlan(List<StepRow> batch) {
        List<StepRow> ordered = new ArrayList<>(batch);
        ordered.sort(Comparator.comparingInt(StepRow::effectiveLoraLayers).reversed()
                .thenComparingInt(row -> row.lora().map(System::identityHashCode).orElse(0)));
        int token = 0;
        for (StepRow row : ordered) {
            rows.add(new PlacedRow(row, token));
            token += row.tokens().size();
        }
        tokens = token;
        wanted = rows.stream().filter(row -> row.row().rule().isPresent()).toList();
        blocks = ordered.stream().map(row -> row.slot().block()).distinct().toList();
        units = AttentionUnit.of(rows, blocks);
        groups = groupsOf(rows);
    }

    int tokens() {
        return tokens;
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

    private static List<LoraGroup> groupsOf(List<PlacedRow> rows) {
        List<LoraGroup> found = new ArrayList<>();
        for (PlacedRow placed : rows) {
            int loraLayers = placed.row().effectiveLoraLayers();
            if (loraLayers == 0) {
                continue;
            }
            LoraWeights weights = placed.row().lora().orElseThrow();
            LoraGroup last = found.isEmpty() ? null : found.get(found.size() - 1);
            int end = placed.firstToken() + placed.row().tokens().size();
            if (last != null && last.weights() == weights && last.loraLayers() == loraLayers) {
                found.set(found.size() - 1, new LoraGroup(last.firstToken(), end, loraLayers, weights));
            } else {
                found.add(new LoraGroup(placed.firstToken(), end, loraLayers, weights));
            }
        }
        return found;
    }

    /** For each unit: block, first slot, end slot, queries, span, stored rows. */
    List<long[]> unitBounds() {
        return units.stream().map(unit -> new long[] {blocks.indexOf(unit.block()), unit.firstSlot(), unit.endSlot(),
                unit.queries(), unit.span(), (long) unit.members().size() * unit.queries()}).toList();
    }

    /** The packed integers, in the order that {@code step.torchscript} documents. */
    long[] packed() {
        LongList plan = new LongList();
        rows.forEach(placed -> placed.row().tokens().forEach(plan::add));
        rows.forEach(placed -> forEachQuery(placed, q -> plan.add(placed.row().position() + q)));
        wanted.forEach(placed -> plan.add(placed.firstToken() + placed.row().tokens().size() - 1));
        for (long place : restored()) {
            plan.add(place);
        }
        for (AttentionUnit unit : units) {
            addGather(plan, unit);
            unit.members().forEach(member -> forEachQuery(member, q -> plan.add(member.firstToken() + q)));
            unit.members().forEach(member -> forEachQuery(member, q -> plan.add(member.slot())));
            unit.members().forEach(member -> forEachQuery(member, q -> plan.add(member.row().position() + q)));
        }
        return plan.toArray();
    }

    /** For each slot of the unit's run the tokens of its row; a slot without one stands in with the first member's. */
    private static void addGather(LongList plan, AttentionUnit unit) {
        int next = 0;
        for (int slot = unit.firstSlot(); slot < unit.endSlot(); slot++) {
            boolean present = unit.members().get(next).slot() == slot;
            PlacedRow member = unit.members().get(present ? next : 0);
            forEachQuery(member, q -> plan.add(member.firstToken() + q));
            next += present ? 1 : 0;
        }
    }

    /** For each token, where the concatenated results of the units hold its own. */
    private long[] restored() {
        long[] places = new long[tokens];
        int start = 0;
        for (AttentionUnit unit : units) {
            for (PlacedRow member : unit.members()) {
                for (int q = 0; q < unit.queries(); q++) {
                    places[member.firstToken() + q] = start + (member.slot() - unit.firstSlot()) * unit.queries() + q;
                }
            }
            start += (unit.endSlot() - unit.firstSlot()) * unit.queries();
        }
        return places;
    }

    private static void forEachQuery(PlacedRow placed, IntConsumer consumer) {
        for (int q = 0; q < placed.row().tokens().size(); q++) {
            consumer.accept(q);
        }
    }
}
