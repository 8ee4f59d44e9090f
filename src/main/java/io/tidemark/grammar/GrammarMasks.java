package io.tidemark.grammar;

import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;

/** Computes the masks of rows with a grammar, with one native call. */
public final class GrammarMasks {

    private static final int CONTINUES = 0;
    private static final int ENDED = 1;
    private static final int MESSAGE_BYTES = 200;

    private GrammarMasks() {}

    /** The int words of one row: 32 tokens a word, rounded up. */
    public static int words(int vocabulary) {
        return (vocabulary + 31) / 32;
    }

    /**
     * Advances each state by the last token of its row and writes the mask of the next token. Bit {@code t % 32} of
     * word {@code t / 32} of a row is set if token {@code t} may follow. End-of-sequence tokens are set only where the
     * text is complete, other special tokens never. The mask of a failed row is empty.
     *
     * @param states     one a row, no two equal, of grammars of one compiler
     * @param lastTokens the last token of each row; -1 before the first
     * @param masks      a direct buffer in native order with {@code rows * words(vocabulary)} ints from its position
     * @return the status of each row. A row also fails when all grammars exceed their memory and its sequence has added
     *     more than its share
     * @throws IllegalStateException if a state is closed, in use by another thread, or twice in the list
     */
    public static List<RowStatus> advance(List<GrammarState> states, int[] lastTokens, IntBuffer masks) {
        int rows = states.size();
        if (rows == 0) {
            return List.of();
        }
        List<NativeGrammarState> natives =
                states.stream().map(NativeGrammarState.class::cast).toList();
        int vocabulary = natives.get(0).vocabulary();
        int words = words(vocabulary);
        if (natives.stream().anyMatch(each -> each.vocabulary() != vocabulary) || lastTokens.length != rows) {
            throw new IllegalArgumentException("states of one vocabulary and a token each are needed");
        }
        if (!masks.isDirect()
                || masks.order() != ByteOrder.nativeOrder()
                || masks.isReadOnly()
                || masks.remaining() < (long) rows * words) {
            throw new IllegalArgumentException(
                    "a direct buffer in native order with " + (long) rows * words + " ints is needed");
        }
        int[] statuses = new int[rows];
        byte[] messages = new byte[rows * MESSAGE_BYTES];
        long[] pointers = new long[rows];
        int acquired = 0;
        try {
            for (; acquired < rows; acquired++) {
                pointers[acquired] = natives.get(acquired).acquire();
            }
            // frees unused grammars first, because this call fails sequences if memory is short; takes 0.4 µs
            natives.get(0).cache().trim();
            int code = natives.get(0)
                    .functions()
                    .tidemark_states_advance(
                            rows,
                            pointers,
                            lastTokens,
                            masks.slice(),
                            masks.remaining(),
                            words,
                            statuses,
                            messages,
                            messages.length);
            if (code != 0) {
                throw new IllegalStateException("masks can't be computed: code " + code);
            }
        } finally {
            for (int row = 0; row < acquired; row++) {
                natives.get(row).release();
            }
            Reference.reachabilityFence(states);
        }
        List<RowStatus> result = new ArrayList<>(rows);
        for (int row = 0; row < rows; row++) {
            result.add(
                    switch (statuses[row]) {
                        case CONTINUES -> RowStatus.OK;
                        case ENDED -> RowStatus.ENDED;
                        default ->
                            new RowStatus.Failed(GrammarLibrary.text(messages, row * MESSAGE_BYTES, MESSAGE_BYTES));
                    });
        }
        return List.copyOf(result);
    }
}
