package io.tidemark.grammar;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The state of one sequence, which one thread uses at a time. A second use at the same time, or one after {@link
 * #close}, throws {@link IllegalStateException}; the native memory is freed when no call uses it.
 */
final class NativeGrammarState implements GrammarState {

    private final NativeState state;
    private final Cleaner.Cleanable cleanable;

    /** @param entry with a reference for this state */
    NativeGrammarState(GrammarCache.Entry entry, long pointer) {
        this.state = new NativeState(entry, pointer);
        this.cleanable = GrammarLibrary.CLEANER.register(this, state);
    }

    /** Whether the text so far is complete; false after a failure. */
    @Override
    public boolean isAccepting() {
        long pointer = state.acquire();
        try {
            return functions().tidemark_state_accepting(pointer) != 0;
        } finally {
            state.release();
        }
    }

    int vocabulary() {
        return state.entry.vocabulary();
    }

    GrammarLibrary.Functions functions() {
        return state.entry.functions();
    }

    GrammarCache cache() {
        return state.entry.cache();
    }

    /** The pointer for one call, after which {@link #release} is called. */
    long acquire() {
        return state.acquire();
    }

    void release() {
        state.release();
    }

    /** Frees the native memory; closing twice is allowed. */
    @Override
    public void close() {
        cleanable.clean();
    }

    /** Apart from its owner, which the cleaner waits for. */
    private static final class NativeState implements Runnable {

        private enum Use {
            IDLE,
            BUSY,
            CLOSED_WHILE_BUSY,
            FREED
        }

        private final GrammarCache.Entry entry;
        private final long pointer;
        private final AtomicReference<Use> use = new AtomicReference<>(Use.IDLE);

        private NativeState(GrammarCache.Entry entry, long pointer) {
            this.entry = entry;
            this.pointer = pointer;
        }

        long acquire() {
            if (!use.compareAndSet(Use.IDLE, Use.BUSY)) {
                throw new IllegalStateException(use.get() == Use.BUSY ? "the state is in use" : "the state is closed");
            }
            return pointer;
        }

        void release() {
            if (!use.compareAndSet(Use.BUSY, Use.IDLE)) {
                use.set(Use.FREED);
                free();
            }
        }

        private void free() {
            entry.functions().tidemark_state_free(pointer);
            entry.release();
        }

        /** Frees the memory now, or when the call that uses it ends. */
        @Override
        public void run() {
            Use before = use.getAndUpdate(now -> switch (now) {
                case IDLE, FREED -> Use.FREED;
                case BUSY, CLOSED_WHILE_BUSY -> Use.CLOSED_WHILE_BUSY;
            });
            if (before == Use.IDLE) {
                free();
            }
        }
    }
}
