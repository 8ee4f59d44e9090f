package io.tidemark.grammar;

import com.sun.jna.ptr.LongByReference;
import io.tidemark.message.AnswerFormat;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The grammars of one tokenizer: those that are kept for later requests, and those in use. A grammar has a reference
 * for each owner and for each open state. Without one it is kept while the native memory of all grammars is within the
 * budget; those that were not used for the longest time are freed first.
 *
 * <p>Any thread may call. The lock is not held during native calls that compile, compute or free.
 */
final class GrammarCache {

    private static final int MESSAGE_BYTES = 500;

    private final GrammarLibrary.Functions functions;
    private final long tokenizer;
    private final int vocabulary;
    private final GrammarLimits limits;
    /** The pointers of all grammars that are not freed. */
    private final Set<Long> allocated = ConcurrentHashMap.newKeySet();

    /** The compiled grammars in the order of their use. This object guards the map and all state of the entries. */
    private final Map<AnswerFormat, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);

    /** The bytes of the formats in the map. */
    private long formatBytes;
    /** The bytes of grammars that are being freed, which the native library still counts. */
    private long freeingBytes;
    /** The bytes of grammars in the map without a reference. */
    private long unusedBytes;

    private boolean closed;

    /** @param tokenizer a pointer, which the cleaner frees when neither this object nor a grammar is referenced */
    GrammarCache(GrammarLibrary.Functions functions, long tokenizer, int vocabulary, GrammarLimits limits) {
        this.functions = functions;
        this.tokenizer = tokenizer;
        this.vocabulary = vocabulary;
        this.limits = limits;
        Set<Long> left = allocated;
        GrammarLibrary.CLEANER.register(this, () -> {
            left.forEach(functions::tidemark_grammar_free);
            functions.tidemark_tokenizer_free(tokenizer);
        });
    }

    long tokenizer() {
        return tokenizer;
    }

    /** The native memory of all grammars with their sequences, in bytes. */
    long usedBytes() {
        return functions.tidemark_tokenizer_bytes(tokenizer);
    }

    /** A reference of a tenant to a grammar that is kept or in use. */
    synchronized Optional<NativeGrammar> find(AnswerFormat format, String tenant) {
        return Optional.ofNullable(entries.get(format)).map(entry -> entry.lease(tenant));
    }

    /**
     * The bytes of the grammars that tenants have references to, by tenant. A grammar of several tenants counts in
     * equal parts.
     */
    synchronized Map<String, Double> heldBytes() {
        Map<String, Double> held = new HashMap<>();
        for (Entry entry : entries.values()) {
            if (!entry.tenants.isEmpty()) {
                double part = (double) entry.bytes() / entry.tenants.size();
                entry.tenants.keySet().forEach(tenant -> held.merge(tenant, part, Double::sum));
            }
        }
        return held;
    }

    /** The bytes of the grammars with references. */
    synchronized long leasedBytes() {
        return keptBytes() - unusedBytes;
    }

    /** Whether a grammar has a reference. */
    synchronized boolean isLeased(AnswerFormat format) {
        Entry entry = entries.get(format);
        return entry != null && entry.references > 0;
    }

    /** Takes a compiled grammar, and gives a reference to it to a tenant. */
    NativeGrammar add(AnswerFormat format, long pointer, String tenant) {
        allocated.add(pointer);
        NativeGrammar lease;
        synchronized (this) {
            Entry entry = new Entry(format, pointer);
            lease = entry.lease(tenant);
            if (!closed && entries.putIfAbsent(format, entry) == null) {
                formatBytes += format.bytes();
            }
        }
        trim();
        return lease;
    }

    /** Frees grammars without a reference until the budget is kept. */
    void trim() {
        free(evicted(limits.cacheBytes()));
    }

    /** Frees grammars without a reference until all have this number of bytes; false if those in use have more. */
    boolean reduceTo(long bytes) {
        List<Entry> evicted = evicted(bytes);
        while (!evicted.isEmpty()) {
            free(evicted);
            // others may have been added meanwhile
            evicted = evicted(bytes);
        }
        synchronized (this) {
            return keptBytes() <= bytes;
        }
    }

    /** The bytes of the grammars that are not freed and not being freed. Called with the lock. */
    private long keptBytes() {
        return usedBytes() - freeingBytes;
    }

    private List<Entry> evicted(long budget) {
        List<Entry> evicted = new ArrayList<>();
        synchronized (this) {
            long left = keptBytes() + formatBytes;
            var eldest = entries.values().iterator();
            while (left > budget && eldest.hasNext()) {
                Entry entry = eldest.next();
                if (entry.references == 0) {
                    left -= entry.bytes() + entry.format.bytes();
                    formatBytes -= entry.format.bytes();
                    eldest.remove();
                    entry.beginFree();
                    evicted.add(entry);
                }
            }
        }
        return evicted;
    }

    private void free(List<Entry> evicted) {
        evicted.forEach(this::free);
    }

    private void free(Entry entry) {
        if (allocated.remove(entry.pointer)) {
            functions.tidemark_grammar_free(entry.pointer);
        }
        synchronized (this) {
            freeingBytes -= entry.freeingBytes;
        }
    }

    /** Keeps no grammar for later requests. Grammars in use stay valid. */
    void close() {
        List<Entry> unused = new ArrayList<>();
        synchronized (this) {
            closed = true;
            entries.values().stream().filter(entry -> entry.references == 0).forEach(entry -> {
                entry.beginFree();
                unused.add(entry);
            });
            entries.clear();
            formatBytes = 0;
        }
        free(unused);
    }

    synchronized boolean isClosed() {
        return closed;
    }

    /** A grammar with the number of its references. */
    final class Entry {

        private final AnswerFormat format;
        private final long pointer;
        /** The references of tenants, by tenant. */
        private final Map<String, Integer> tenants = new HashMap<>();

        private int references;
        private boolean freed;
        private long freeingBytes;
        /** Its bytes while it is in the map without a reference. */
        private long unusedBytes;

        private Entry(AnswerFormat format, long pointer) {
            this.format = format;
            this.pointer = pointer;
        }

        /** Adds a reference of a tenant. The caller holds the lock. */
        private NativeGrammar lease(String tenant) {
            used();
            references++;
            tenants.merge(tenant, 1, Integer::sum);
            return new NativeGrammar(this, tenant);
        }

        /** Ends a reference of a tenant. */
        void release(String tenant) {
            synchronized (GrammarCache.this) {
                tenants.computeIfPresent(tenant, (name, count) -> count > 1 ? count - 1 : null);
            }
            release();
        }

        /** Stops counting the grammar as unused: it gets a reference or is freed. The caller holds the lock. */
        private void used() {
            GrammarCache.this.unusedBytes -= unusedBytes;
            unusedBytes = 0;
        }

        /** Marks the grammar as freed. The caller holds the lock, and frees the native memory without it. */
        private void beginFree() {
            used();
            freeingBytes = bytes();
            GrammarCache.this.freeingBytes += freeingBytes;
            freed = true;
        }

        /** A state with a reference of its own. The caller has one. */
        GrammarState start() {
            synchronized (GrammarCache.this) {
                if (freed) {
                    throw new IllegalStateException("the grammar is closed");
                }
                references++;
            }
            LongByReference out = new LongByReference();
            byte[] message = new byte[MESSAGE_BYTES];
            int code = functions.tidemark_state_new(pointer, out, message, message.length);
            if (code != 0) {
                release();
                throw new IllegalStateException(GrammarLibrary.text(message, 0, MESSAGE_BYTES));
            }
            return new NativeGrammarState(this, out.getValue());
        }

        /** Takes no native lock. */
        long bytes() {
            synchronized (GrammarCache.this) {
                return freed ? 0 : functions.tidemark_grammar_bytes(pointer);
            }
        }

        GrammarCache cache() {
            return GrammarCache.this;
        }

        GrammarLibrary.Functions functions() {
            return functions;
        }

        int vocabulary() {
            return vocabulary;
        }

        void release() {
            boolean isLast;
            synchronized (GrammarCache.this) {
                references--;
                isLast = references == 0 && !freed && entries.get(format) != this;
                if (isLast) {
                    beginFree();
                } else if (references == 0 && !freed) {
                    unusedBytes = bytes();
                    GrammarCache.this.unusedBytes += unusedBytes;
                }
            }
            if (isLast) {
                free(this);
            } else {
                trim();
            }
        }
    }
}
