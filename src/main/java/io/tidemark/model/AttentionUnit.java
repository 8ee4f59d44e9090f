package io.tidemark.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One attention call: rows of one block with equally many new tokens, on a run of neighbouring slots. Slots of the run
 * that have no row in it are computed and thrown away, which costs less than a call of their own.
 *
 * @param members  the rows, by slot
 * @param queries  new tokens of each row
 */
record AttentionUnit(KvBlock block, List<PlacedRow> members, int queries) {

    /** A row of the step and the index of its first token among all tokens of the step. */
    record PlacedRow(StepRow row, int firstToken) {

        int slot() {
            return row.slot().index();
        }

        int end() {
            return row.position() + row.tokens().size();
        }
    }

    /** Decoding rows share a unit per block; a prefilling row has its own. */
    static List<AttentionUnit> of(List<PlacedRow> rows, List<KvBlock> blocks) {
        List<AttentionUnit> units = new ArrayList<>();
        Map<KvBlock, List<PlacedRow>> decoding = new LinkedHashMap<>();
        blocks.forEach(block -> decoding.put(block, new ArrayList<>()));
        for (PlacedRow row : rows) {
            if (row.row().tokens().size() == 1) {
                decoding.get(row.row().slot().block()).add(row);
            } else {
                units.add(new AttentionUnit(row.row().slot().block(), List.of(row), row.row().tokens().size()));
            }
        }
        decoding.forEach((block, members) -> {
            if (!members.isEmpty()) {
                members.sort(Comparator.comparingInt(PlacedRow::slot));
                units.add(new AttentionUnit(block, members, 1));
            }
        });
        return units;
    }

    int firstSlot() {
        return members.get(0).slot();
    }

    int endSlot() {
        return members.get(members.size() - 1).slot() + 1;
    }

    /** How many cached tokens the longest member sees. */
    int span() {
        return members.stream().mapToInt(PlacedRow::end).max().orElseThrow();
    }
}
