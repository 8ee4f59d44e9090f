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
    private final int vocabulary;

    NativeGrammarState(GrammarLibrary.Functions functions, long pointer, int vocabulary) {
        this.state = new NativeState(functions, pointer);
        this.vocabulary = vocabulary;
        this.cleanable = GrammarLibrary.CLEANER.register(this, state);
    }

    /** Whether the text so far is complete; false after a failure. */
    @Override
    public boolean isAccepting() {
        long pointer = state.acquire();
        try {
            return state.functions.tidemark_state_accepting(pointer) != 0;
        } finally {
            state.release();
        }
    }

    int vocabulary() {
        return vocabulary;
    }

    GrammarLibrary.Functions functions() {
        return state.functions;
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

        private final GrammarLibrary.Functions functions;
        private final long pointer;
        private final AtomicReference<Use> use = new AtomicReference<>(Use.IDLE);

        private NativeState(GrammarLibrary.Functions functions, long pointer) {
            this.functions = functions;
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
                functions.tidemark_state_free(pointer);
            }
        }

        /** Frees the memory now, or when the call that uses it ends. */
        @Override
        public void run() {
            Use before = use.getAndUpdate(now -> switch (now) {
                case IDLE, FREED -> Use.FREED;
                case BUSY, CLOSED_WHILE_BUSY -> Use.CLOSED_WHILE_BUSY;
            });
            if (before == Use.IDLE) {
                functions.tidemark_state_free(pointer);
            }
        }
    }
}
