package io.tidemark.decoder.kvcache;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.DecoderFailed;
import io.tidemark.decoder.attention.AttentionTiles;
import io.tidemark.decoder.kvcache.PrefixTree.Node;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Keys and values of prompts' beginnings, in pieces of a tile, kept for requests that begin alike. A piece is found by
 * its owner and by all tokens up to its end, compared token by token and not by a hash. The pieces that were not used for
 * longest go first, and a piece never before those that continue it. Belongs to the pool's thread.
 */
public final class KvPrefixes implements AutoCloseable {

    /** Tokens of a piece. */
    public static final int PIECE = AttentionTiles.TILE;

    private final Decoder decoder;
    private final KvBudget budget;
    private final long mostBytes;
    private final long pieceBytes;
    private final PrefixTree tree = new PrefixTree(PIECE);

    /**
     * @param budget    what pieces are taken from
     * @param mostBytes what they may take of it
     */
    public KvPrefixes(Decoder decoder, KvBudget budget, long mostBytes) {
        this.decoder = decoder;
        this.budget = budget;
        this.mostBytes = mostBytes;
        this.pieceBytes = PIECE * decoder.kvBytesPerToken();
    }

    /** Whether a piece fits at all. */
    public boolean isKeeping() {
        return mostBytes >= pieceBytes;
    }

    /** How many of the first tokens are kept for this owner, in whole pieces. */
    public int held(PrefixOwner owner, List<Integer> tokens) {
        return tree.path(owner, tokens).size() * PIECE;
    }

    /** How many tokens of whole pieces two prompts begin with alike. */
    public int wholePieces(List<Integer> one, List<Integer> other) {
        int shorter = Math.min(one.size(), other.size());
        int alike = 0;
        while (alike < shorter && one.get(alike).equals(other.get(alike))) {
            alike++;
        }
        return alike / PIECE * PIECE;
    }

    /**
     * Fills an unused slot with the longest prefix that is kept, and leaves at least one token to run.
     *
     * @return the tokens that the slot now holds
     * @throws DecoderFailed when libtorch could not copy them
     */
    public int restore(KvSlot slot, PrefixOwner owner, List<Integer> prompt) {
        List<Node> path = tree.path(owner, prompt.subList(0, Math.min(prompt.size() - 1, shareable(slot))));
        if (!path.isEmpty()) {
            tree.touch(path);
            decoder.caches().fill(slot, path.stream().map(Node::piece).toList());
        }
        return path.size() * PIECE;
    }

    /**
     * Keeps what a slot holds of a prompt's first tokens for requests of the same owner that begin alike, as far as the budget
     * goes. A piece that is not finite is not kept, nor what follows it.
     *
     * @param tokens the tokens that the slot holds, from the first
     */
    public void keep(KvSlot slot, PrefixOwner owner, List<Integer> tokens) {
        int pieces = Math.min(tokens.size(), shareable(slot)) / PIECE;
        if (pieces == 0 || !isKeeping()) {
            return;
        }
        List<Node> path = new ArrayList<>(tree.path(owner, tokens.subList(0, pieces * PIECE)));
        tree.touch(path);
        while (path.size() < pieces) {
            if (bytes() + pieceBytes > mostBytes || !budget.tryReserve(pieceBytes)) {
                if (!dropOldest(path)) {
                    return;
                }
                continue;
            }
            int from = path.size() * PIECE;
            Optional<Value> piece = piece(slot, from);
            if (piece.isEmpty()) {
                return;
            }
            path.add(tree.add(owner, path, tokens.subList(from, from + PIECE), piece.get()));
            tree.touch(path);
        }
    }

    /** A copy of a piece whose bytes are taken; gives them back where there is none. */
    private Optional<Value> piece(KvSlot slot, int from) {
        Optional<Value> piece = Optional.empty();
        try {
            piece = decoder.caches().piece(slot, from, from + PIECE);
            return piece;
        } finally {
            if (piece.isEmpty()) {
                budget.release(pieceBytes);
            }
        }
    }

    /** Bytes of all pieces. */
    public long bytes() {
        return tree.size() * pieceBytes;
    }

    /** Gives up the oldest pieces until so many bytes are free, or none is left. */
    public void giveUp(long wantedBytes) {
        long freed = 0;
        while (freed < wantedBytes && dropOldest(List.of())) {
            freed += pieceBytes;
        }
    }

    @Override
    public void close() {
        giveUp(Long.MAX_VALUE);
    }

    /** A ring that has come round no longer holds the beginning. */
    private static int shareable(KvSlot slot) {
        return Math.min(slot.block().capacity(), slot.block().ringCapacity());
    }

    private boolean dropOldest(List<Node> kept) {
        Optional<Value> oldest = tree.removeOldest(kept);
        oldest.ifPresent(piece -> {
            piece.close();
            budget.release(pieceBytes);
        });
        return oldest.isPresent();
    }
}
