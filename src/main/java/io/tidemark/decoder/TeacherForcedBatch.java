package io.tidemark.decoder;

import java.util.List;

/**
 * Sequences whose gold tokens are scored. They are padded at the end to the length of the longest one, so that causal
 * attention does not read the padding. The last token of a sequence is not an input, because it predicts nothing.
 */
public record TeacherForcedBatch(List<Sequence> sequences) {

    /**
     * A prompt and its completion.
     *
     * @param prompt at least one token
     * @param gold   the tokens to score, at least one
     */
    public record Sequence(List<Integer> prompt, List<Integer> gold) {

        public Sequence {
            if (prompt.isEmpty() || gold.isEmpty()) {
                throw new IllegalArgumentException(
                        "a sequence needs at least one token of prompt and one of completion");
            }
            prompt = List.copyOf(prompt);
            gold = List.copyOf(gold);
        }

        /** The number of input tokens. */
        public int length() {
            return prompt.size() + gold.size() - 1;
        }

        private int token(int position) {
            return position < prompt.size() ? prompt.get(position) : gold.get(position - prompt.size());
        }
    }

    public TeacherForcedBatch {
        sequences = List.copyOf(sequences);
    }

    /** Length of the longest sequence. */
    int paddedLength() {
        return sequences.stream().mapToInt(Sequence::length).max().orElseThrow();
    }

    /** Rows of one state: sequences times padded length. */
    public int rows() {
        return sequences.size() * paddedLength();
    }

    /** Number of gold tokens of all sequences. */
    public int goldTokens() {
        return sequences.stream().mapToInt(s -> s.gold().size()).sum();
    }

    /** Token ids {@code [rows]}, padded with 0. */
    long[] ids() {
        int length = paddedLength();
        long[] ids = new long[rows()];
        for (int s = 0; s < sequences.size(); s++) {
            for (int position = 0; position < sequences.get(s).length(); position++) {
                ids[s * length + position] = sequences.get(s).token(position);
            }
        }
        return ids;
    }

    /** The row that predicts each gold token, {@code [goldTokens]}. */
    long[] predictingRows() {
        int length = paddedLength();
        long[] rows = new long[goldTokens()];
        int next = 0;
        for (int s = 0; s < sequences.size(); s++) {
            Sequence sequence = sequences.get(s);
            for (int g = 0; g < sequence.gold().size(); g++) {
                rows[next++] = (long) s * length + sequence.prompt().size() - 1 + g;
            }
        }
        return rows;
    }

    /** All gold tokens, sequence by sequence, {@code [goldTokens]}. */
    long[] gold() {
        return sequences.stream()
                .flatMap(s -> s.gold().stream())
                .mapToLong(Integer::longValue)
                .toArray();
    }
}
