package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keys and values of prompts' beginnings, in pieces of a tile, kept for requests that begin alike. A piece is found by
 * its owner and by all tokens up to its end, compared token by token and not by a hash. The pieces that were not used for
 * longest go first, and a piece never before those that continue it. Belongs to the pool's thread.
 */
public final class KvPrefixes implements AutoCloseable {

    private static final int PIECE = AttentionTiles.TILE;

    private final Decoder decoder;
    private final long budgetBytes;
    private final long pieceBytes;
    private final Map<PrefixOwner, Node> roots = new HashMap<>();
    /** By last use, the oldest first. Each use touches the end of a path before its beginning, so the oldest is a leaf. */
    private final LinkedHashMap<Node, Boolean> byUse = new LinkedHashMap<>(16, 0.75f, true);

    /** A piece behind the ones on the way to it; a root has none. */
    private static final class Node {

        private final Map<List<Integer>, Node> next = new HashMap<>();
        private final Runnable unlink;
        private final List<Value> piece;

        Node(List<Value> piece, Runnable unlink) {
            this.piece = piece;
            this.unlink = unlink;
        }
    }

    KvPrefixes(Decoder decoder, long budgetBytes) {
        this.decoder = decoder;
        this.budgetBytes = budgetBytes;
        this.pieceBytes = PIECE * decoder.config().kvBytesPerToken();
    }

    /** How many of the first tokens are kept for this owner, in whole pieces. */
    public int held(PrefixOwner owner, List<Integer> tokens) {
        return path(owner, tokens).size() * PIECE;
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
        List<Node> path = path(owner, prompt.subList(0, Math.min(prompt.size() - 1, shareable(slot))));
        if (!path.isEmpty()) {
            touch(path);
            decoder.fill(slot, path.stream().map(node -> node.piece.get(0)).toList());
        }
        return path.size() * PIECE;
    }

    /**
     * Keeps what a slot holds of a prompt's first tokens, as far as the budget goes. A piece that is not finite is not
     * kept, nor what follows it.
     */
    void keep(KvSlot slot, PrefixOwner owner, List<Integer> tokens, long roomBytes) {
        int pieces = Math.min(tokens.size(), shareable(slot)) / PIECE;
        if (pieces == 0 || budgetBytes < pieceBytes) {
            return;
        }
        List<Node> path = new ArrayList<>(path(owner, tokens.subList(0, pieces * PIECE)));
        touch(path);
        long room = roomBytes;
        while (path.size() < pieces) {
            if (bytes() + pieceBytes > budgetBytes || room < pieceBytes) {
                if (!dropOldest(path)) {
                    return;
                }
                room += pieceBytes;
                continue;
            }
            int from = path.size() * PIECE;
            List<Value> piece = decoder.piece(slot, from, from + PIECE);
            if (piece.isEmpty()) {
                return;
            }
            Node parent = path.isEmpty() ? roots.computeIfAbsent(owner, o -> new Node(List.of(), () -> roots.remove(o)))
                    : path.get(path.size() - 1);
            List<Integer> key = List.copyOf(tokens.subList(from, from + PIECE));
            Node node = new Node(piece, () -> unlink(parent, key));
            parent.next.put(key, node);
            path.add(node);
            touch(path);
            room -= pieceBytes;
        }
    }

    /** Bytes of all pieces. */
    public long bytes() {
        return byUse.size() * pieceBytes;
    }

    /** Gives up the oldest pieces until so many bytes are free, or none is left. */
    void giveUp(long wantedBytes) {
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

    private List<Node> path(PrefixOwner owner, List<Integer> tokens) {
        List<Node> path = new ArrayList<>();
        Node at = roots.get(owner);
        for (int end = PIECE; at != null && end <= tokens.size(); end += PIECE) {
            at = at.next.get(tokens.subList(end - PIECE, end));
            if (at != null) {
                path.add(at);
            }
        }
        return path;
    }

    private void touch(List<Node> path) {
        List<Node> endFirst = new ArrayList<>(path);
        Collections.reverse(endFirst);
        endFirst.forEach(node -> byUse.put(node, true));
    }

    private boolean dropOldest(List<Node> kept) {
        if (byUse.isEmpty()) {
            return false;
        }
        Node oldest = byUse.keySet().iterator().next();
        if (kept.contains(oldest)) {
            return false;
        }
        byUse.remove(oldest);
        oldest.unlink.run();
        oldest.piece.forEach(Value::close);
        return true;
    }

    private void unlink(Node parent, List<Integer> key) {
        parent.next.remove(key);
        if (parent.next.isEmpty() && parent.piece.isEmpty()) {
            parent.unlink.run();
        }
    }
}
