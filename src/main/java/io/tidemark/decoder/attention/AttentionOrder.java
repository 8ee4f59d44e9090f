package io.tidemark.decoder.attention;

import io.tidemark.decoder.LongList;
import io.tidemark.decoder.attention.AttentionUnit.Piece;
import java.util.ArrayList;
import java.util.List;

/**
 * The order in which attention wants a step's tokens: unit after unit, and in a unit slot after slot. A slot in a unit's
 * run that has no token in this step stands in with the unit's first piece, whose result is then computed twice.
 */
public final class AttentionOrder {

    private final List<AttentionUnit> units;
    private final int tokens;
    private final long[] order;
    private final boolean moved;

    /** @param tokens of the step */
    public AttentionOrder(List<AttentionUnit> units, int tokens) {
        this.units = units;
        this.tokens = tokens;
        LongList taken = new LongList();
        for (AttentionUnit unit : units) {
            standing(unit).forEach(piece -> taken.addRange(piece.firstToken(), piece.queries()));
        }
        this.order = taken.toArray();
        this.moved = !isCounting(order, tokens);
    }

    /** Rows that the attention calls compute, stand-ins included. */
    public int rows() {
        return order.length;
    }

    /** Whether it is another than the tokens' own. */
    public boolean isMoved() {
        return moved;
    }

    /** The slot of each row, {@code [rows]}. */
    public void addSlots(LongList plan) {
        for (AttentionUnit unit : units) {
            for (Piece piece : standing(unit)) {
                for (int query = 0; query < piece.queries(); query++) {
                    plan.add(piece.slot().index());
                }
            }
        }
    }

    /** The token that each row takes, {@code [rows]}, and the row in which each token has its own result, {@code [tokens]}. */
    public void addMoves(LongList plan) {
        plan.addAll(order);
        plan.addAll(ownRows());
    }

    private static boolean isCounting(long[] order, int tokens) {
        for (int i = 0; i < order.length; i++) {
            if (order[i] != i) {
                return false;
            }
        }
        return order.length == tokens;
    }

    private long[] ownRows() {
        long[] places = new long[tokens];
        int start = 0;
        for (AttentionUnit unit : units) {
            int packed = 0;
            for (Piece piece : unit.pieces()) {
                int first = unit.isPacked() ? packed : (piece.slot().index() - unit.firstSlot()) * unit.queries();
                for (int query = 0; query < piece.queries(); query++) {
                    places[piece.firstToken() + query] = start + first + query;
                }
                packed += piece.queries();
            }
            start += unit.rows();
        }
        return places;
    }

    /** For each slot of a unit's run its piece, or the one that stands in. */
    private static List<Piece> standing(AttentionUnit unit) {
        if (unit.isPacked()) {
            return unit.pieces();
        }
        List<Piece> standing = new ArrayList<>();
        int next = 0;
        for (int slot = unit.firstSlot(); slot < unit.endSlot(); slot++) {
            boolean present = unit.pieces().get(next).slot().index() == slot;
            standing.add(unit.pieces().get(present ? next : 0));
            next += present ? 1 : 0;
        }
        return standing;
    }
}
