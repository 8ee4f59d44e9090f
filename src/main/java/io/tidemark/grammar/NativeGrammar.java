package io.tidemark.grammar;

import com.sun.jna.ptr.LongByReference;
import java.lang.ref.Reference;

/** A compiled format. Immutable and thread-safe; its native memory is freed after the last reference to it. */
final class NativeGrammar implements CompiledGrammar {

    private static final int MESSAGE_BYTES = 500;

    private final GrammarLibrary.Functions functions;
    private final long pointer;
    private final int vocabulary;

    NativeGrammar(GrammarLibrary.Functions functions, long pointer, int vocabulary) {
        this.functions = functions;
        this.pointer = pointer;
        this.vocabulary = vocabulary;
        GrammarLibrary.CLEANER.register(this, () -> functions.tidemark_grammar_free(pointer));
    }

    /** The state before the first token of a new sequence. */
    @Override
    public GrammarState start() {
        LongByReference out = new LongByReference();
        byte[] message = new byte[MESSAGE_BYTES];
        int code;
        try {
            code = functions.tidemark_state_new(pointer, out, message, message.length);
        } finally {
            Reference.reachabilityFence(this);
        }
        if (code != 0) {
            throw new IllegalStateException(GrammarLibrary.text(message, 0, MESSAGE_BYTES));
        }
        return new NativeGrammarState(functions, out.getValue(), vocabulary);
    }

    /** The native memory in bytes, with what the sequences in it have added. */
    @Override
    public long bytes() {
        try {
            return functions.tidemark_grammar_bytes(pointer);
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
