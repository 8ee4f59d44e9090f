package io.tidemark.decoder.kvcache;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Caches keys and values of prompt prefixes, in chunks of {@link #CHUNK} tokens, for requests with the same prefix. A
 * chunk is found by its scope and by all tokens up to its end; tokens are compared, not hashes. The least recently used
 * chunk is evicted first, and never before the chunks that continue it.
 *
 * <p>Not thread-safe: belongs to the thread of its pool.
 */
public final class PrefixCache implements AutoCloseable {

    /** How many tokens a chunk has. */
    public static final int CHUNK = KvCache.TILE;

    private final KvCache cache;
    private final KvBudget budget;
    private final long maxBytes;
    private final long chunkBytes;
    private final Map<PrefixScope, Node> roots = new HashMap<>();
    /** Least recently used first. A use touches the end of a path before its beginning, so the first one is a leaf. */
    private final LinkedHashMap<Node, Boolean> byUse = new LinkedHashMap<>(16, 0.75f, true);

    /**
     * What keys and values depend on, besides the tokens: the adapter and the boundary. Everything else, such as the
     * base model and the compute type, is the same for the whole process. The adapter is identified by its loaded
     * weights: a reloaded adapter is another scope, even if its version is the same.
     *
     * <p>The tenant is a part, so that neither the number of cached tokens nor the time to the first token tells a
     * sender what the prompts of another one contain.
     *
     * @param tenant   the sender of the request
     * @param lora     the adapter; empty for the base model
     * @param boundary which layers use the adapter; no layers for the base model
     */
    public record PrefixScope(String tenant, Optional<LoraWeights> lora, Boundary boundary) {

        private static final Boundary NO_LAYERS = new Boundary(0);

        /** The scope of rows of a tenant with this adapter and boundary; without an adapter the boundary is ignored. */
        public static PrefixScope of(String tenant, Optional<LoraWeights> lora, Boundary boundary) {
            return new PrefixScope(tenant, lora, lora.isPresent() ? boundary : NO_LAYERS);
        }
    }

    /** A chunk that continues the chunks on the path to it; a root has no chunk. */
    private static final class Node {

        private final Map<List<Integer>, Node> next = new HashMap<>();
        private final Optional<Value> chunk;
        private final Runnable unlink;

        private Node(Optional<Value> chunk, Runnable unlink) {
            this.chunk = chunk;
            this.unlink = unlink;
        }
    }

    /**
     * @param budget   the budget from which chunks are reserved
     * @param maxBytes the part of the budget that chunks may use
     */
    PrefixCache(KvCache cache, KvBudget budget, long maxBytes) {
        this.cache = cache;
        this.budget = budget;
        this.maxBytes = maxBytes;
        this.chunkBytes = CHUNK * cache.bytesPerToken();
    }

    /** Whether at least one chunk fits. */
    public boolean isEnabled() {
        return maxBytes >= chunkBytes;
    }

    /** How many of the first tokens are cached for this scope: a multiple of {@link #CHUNK}. */
    public int cachedTokens(PrefixScope scope, List<Integer> tokens) {
        return path(scope, tokens).size() * CHUNK;
    }

    /** The length of the common prefix of two prompts, rounded down to whole chunks. */
    public int commonTokens(List<Integer> one, List<Integer> other) {
        int shorter = Math.min(one.size(), other.size());
        int common = 0;
        while (common < shorter && one.get(common).equals(other.get(common))) {
            common++;
        }
        return common / CHUNK * CHUNK;
    }

    /**
     * Fills an unused slot with the longest cached prefix of a prompt, except for the prompt's last token.
     *
     * @return the number of tokens that the slot holds
     * @throws DecoderException if libtorch could not copy them
     */
    public int restore(KvSlot slot, PrefixScope scope, List<Integer> prompt) {
        List<Node> path = path(scope, prompt.subList(0, Math.min(prompt.size() - 1, cacheableTokens(slot))));
        if (!path.isEmpty()) {
            touch(path);
            cache.fill(slot, path.stream().map(node -> node.chunk.orElseThrow()).toList());
        }
        return path.size() * CHUNK;
    }

    /**
     * Caches the tokens that a slot holds, as far as the budget allows. Stops at a chunk with values that are not
     * finite.
     *
     * @param tokens the tokens in the slot, from the first
     * @throws DecoderException if libtorch could not copy them
     */
    public void store(KvSlot slot, PrefixScope scope, List<Integer> tokens) {
        int chunks = Math.min(tokens.size(), cacheableTokens(slot)) / CHUNK;
        if (chunks == 0 || !isEnabled()) {
            return;
        }
        List<Node> path = new ArrayList<>(path(scope, tokens.subList(0, chunks * CHUNK)));
        touch(path);
        while (path.size() < chunks) {
            if (bytes() + chunkBytes > maxBytes || !budget.tryReserve(chunkBytes)) {
                if (!evictOldest(path)) {
                    return;
                }
                continue;
            }
            int from = path.size() * CHUNK;
            Optional<Value> chunk = copyReserved(slot, from);
            if (chunk.isEmpty()) {
                return;
            }
            path.add(add(scope, path, tokens.subList(from, from + CHUNK), chunk.get()));
            touch(path);
        }
    }

    /** Bytes of all chunks. */
    public long bytes() {
        return byUse.size() * chunkBytes;
    }

    /** Evicts chunks until {@code wantedBytes} are freed or the cache is empty. */
    void evict(long wantedBytes) {
        long freed = 0;
        while (freed < wantedBytes && evictOldest(List.of())) {
            freed += chunkBytes;
        }
    }

    @Override
    public void close() {
        evict(Long.MAX_VALUE);
    }

    /** Copies a chunk whose bytes are reserved; releases the bytes if there is no copy. */
    private Optional<Value> copyReserved(KvSlot slot, int from) {
        Optional<Value> chunk = Optional.empty();
        try {
            chunk = cache.copyOf(slot, from, from + CHUNK);
            return chunk;
        } finally {
            if (chunk.isEmpty()) {
                budget.release(chunkBytes);
            }
        }
    }

    /** A ring buffer that has wrapped around does not hold the beginning any more. */
    private static int cacheableTokens(KvSlot slot) {
        return Math.min(slot.block().capacity(), slot.block().ringCapacity());
    }

    /** The cached chunks of these tokens, from the first. */
    private List<Node> path(PrefixScope scope, List<Integer> tokens) {
        List<Node> path = new ArrayList<>();
        Node node = roots.get(scope);
        for (int end = CHUNK; node != null && end <= tokens.size(); end += CHUNK) {
            node = node.next.get(tokens.subList(end - CHUNK, end));
            if (node != null) {
                path.add(node);
            }
        }
        return path;
    }

    /** Marks the chunks of a path as most recently used. */
    private void touch(List<Node> path) {
        List<Node> endFirst = new ArrayList<>(path);
        Collections.reverse(endFirst);
        endFirst.forEach(node -> byUse.put(node, true));
    }

    /** Continues a path, which may be empty, with a chunk. */
    private Node add(PrefixScope scope, List<Node> path, List<Integer> tokens, Value chunk) {
        Node parent = path.isEmpty()
                ? roots.computeIfAbsent(scope, key -> new Node(Optional.empty(), () -> roots.remove(key)))
                : path.get(path.size() - 1);
        List<Integer> key = List.copyOf(tokens);
        Node node = new Node(Optional.of(chunk), () -> unlink(parent, key));
        parent.next.put(key, node);
        byUse.put(node, true);
        return node;
    }

    private static void unlink(Node parent, List<Integer> key) {
        parent.next.remove(key);
        if (parent.next.isEmpty() && parent.chunk.isEmpty()) {
            parent.unlink.run();
        }
    }

    /** Evicts the least recently used chunk, unless it is on this path; returns whether it did. */
    private boolean evictOldest(List<Node> pinned) {
        if (byUse.isEmpty()) {
            return false;
        }
        Node oldest = byUse.keySet().iterator().next();
        if (pinned.contains(oldest)) {
            return false;
        }
        byUse.remove(oldest);
        oldest.unlink.run();
        oldest.chunk.orElseThrow().close();
        budget.release(chunkBytes);
        return true;
    }
}
