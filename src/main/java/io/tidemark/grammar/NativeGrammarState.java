package io.tidemark.grammar;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The state of one sequence, which one thread uses at a time. A second use at the same time, or one after {@link
 * #close}, throws {@link IllegalStateException}; the native memory is freed when no call uses it.
 */
final class NativeGrammarState implements GrammarState {

    private static final int CONTINUES = 0;
    private static final int ENDED = 1;
    private static final int MESSAGE_BYTES = 200;

    private final NativeState state;
    private final Cleaner.Cleanable cleanable;

    /** @param entry the cached grammar, with a reference for this state */
    NativeGrammarState(GrammarCache.Entry entry, long pointer) {
        this.state = new NativeState(entry, pointer);
        this.cleanable = GrammarLibrary.CLEANER.register(this, state);
    }

    @Override
    public RowStatus advance(int lastToken, IntBuffer mask) {
        GrammarCache.Entry entry = state.entry;
        int words = (entry.vocabulary() + 31) / 32;
        if (!mask.isDirect()
                || mask.order() != ByteOrder.nativeOrder()
                || mask.isReadOnly()
                || mask.remaining() < words) {
            throw new IllegalArgumentException("a direct buffer in native order with " + words + " ints is needed");
        }
        int[] status = new int[1];
        byte[] message = new byte[MESSAGE_BYTES];
        long pointer = state.acquire();
        try {
            // frees unused grammars first, because this call fails sequences if memory is short; takes 0.4 µs
            entry.cache().trim();
            int code = entry.functions()
                    .tidemark_states_advance(
                            1,
                            new long[] {pointer},
                            new int[] {lastToken},
                            mask.slice(),
                            mask.remaining(),
                            words,
                            status,
                            message,
                            message.length);
            if (code != 0) {
                throw new IllegalStateException("masks can't be computed: code " + code);
            }
        } finally {
            state.release();
            Reference.reachabilityFence(this);
        }
        return switch (status[0]) {
            case CONTINUES -> RowStatus.OK;
            case ENDED -> RowStatus.ENDED;
            default -> new RowStatus.Failed(GrammarLibrary.text(message, 0, MESSAGE_BYTES));
        };
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
