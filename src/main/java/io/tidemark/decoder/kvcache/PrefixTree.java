package io.tidemark.decoder.kvcache;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Pieces of prompts by their owner and all tokens up to their end, and in the order of their last use. */
final class PrefixTree {

    private final int pieceTokens;
    private final Map<PrefixOwner, Node> roots = new HashMap<>();
    /** The oldest first. Each use touches the end of a path before its beginning, so the oldest is a leaf. */
    private final LinkedHashMap<Node, Boolean> byUse = new LinkedHashMap<>(16, 0.75f, true);

    /** A piece that continues the ones on the way to it; a root has none. */
    static final class Node {

        private final Map<List<Integer>, Node> next = new HashMap<>();
        private final Optional<Value> piece;
        private final Runnable unlink;

        private Node(Optional<Value> piece, Runnable unlink) {
            this.piece = piece;
            this.unlink = unlink;
        }

        Value piece() {
            return piece.orElseThrow();
        }
    }

    PrefixTree(int pieceTokens) {
        this.pieceTokens = pieceTokens;
    }

    int size() {
        return byUse.size();
    }

    /** The pieces that these tokens begin with, from the first on. */
    List<Node> path(PrefixOwner owner, List<Integer> tokens) {
        List<Node> path = new ArrayList<>();
        Node at = roots.get(owner);
        for (int end = pieceTokens; at != null && end <= tokens.size(); end += pieceTokens) {
            at = at.next.get(tokens.subList(end - pieceTokens, end));
            if (at != null) {
                path.add(at);
            }
        }
        return path;
    }

    /** Makes a path the one used last. */
    void touch(List<Node> path) {
        List<Node> endFirst = new ArrayList<>(path);
        Collections.reverse(endFirst);
        endFirst.forEach(node -> byUse.put(node, true));
    }

    /** Continues a path, which may be empty, with the piece of these tokens. */
    Node add(PrefixOwner owner, List<Node> path, List<Integer> tokens, Value piece) {
        Node parent = path.isEmpty()
                ? roots.computeIfAbsent(owner, o -> new Node(Optional.empty(), () -> roots.remove(o)))
                : path.get(path.size() - 1);
        List<Integer> key = List.copyOf(tokens);
        Node node = new Node(Optional.of(piece), () -> unlink(parent, key));
        parent.next.put(key, node);
        byUse.put(node, true);
        return node;
    }

    /** Takes out the piece used longest ago, unless there is none or it is on the path that is kept. */
    Optional<Value> removeOldest(List<Node> kept) {
        if (byUse.isEmpty()) {
            return Optional.empty();
        }
        Node oldest = byUse.keySet().iterator().next();
        if (kept.contains(oldest)) {
            return Optional.empty();
        }
        byUse.remove(oldest);
        oldest.unlink.run();
        return oldest.piece;
    }

    private static void unlink(Node parent, List<Integer> key) {
        parent.next.remove(key);
        if (parent.next.isEmpty() && parent.piece.isEmpty()) {
            parent.unlink.run();
        }
    }
}
