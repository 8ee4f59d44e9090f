package io.tidemark.grammar;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.atomic.AtomicBoolean;

/** What an owner of a grammar has: one of its references. The cleaner releases one that was not closed. */
final class NativeGrammar implements CompiledGrammar {

    private final GrammarCache.Entry entry;
    private final AtomicBoolean closed;
    private final Cleaner.Cleanable cleanable;

    /**
     * @param entry  the cached grammar, with a reference for this owner
     * @param tenant the tenant that holds the reference
     */
    NativeGrammar(GrammarCache.Entry entry, String tenant) {
        this.entry = entry;
        AtomicBoolean released = new AtomicBoolean();
        this.closed = released;
        this.cleanable = GrammarLibrary.CLEANER.register(this, () -> {
            released.set(true);
            entry.release(tenant);
        });
    }

    @Override
    public GrammarState start() {
        try {
            if (closed.get()) {
                throw new IllegalStateException("the grammar is closed");
            }
            return entry.start();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public long bytes() {
        try {
            return closed.get() ? 0 : entry.bytes();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public void close() {
        cleanable.clean();
    }

    /** Whether both are references of one grammar. */
    boolean isSame(NativeGrammar other) {
        return entry == other.entry;
    }
}
