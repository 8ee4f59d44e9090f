package io.tidemark.decoder;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Sequences whose gold tokens are scored. Their input tokens are rows, one sequence after another. The last token of a
 * sequence is not an input, because it predicts nothing.
 */
public record TeacherForcedBatch(List<ForcedSequence> sequences) {

    /**
     * A prompt and its completion.
     *
     * @param prompt the tokens of the prompt, at least one
     * @param gold   the tokens to score, at least one
     */
    public record ForcedSequence(List<Integer> prompt, List<Integer> gold) {

        public ForcedSequence {
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

    /** Rows of one state: the input tokens of all sequences. */
    public int rows() {
        return sequences.stream().mapToInt(ForcedSequence::length).sum();
    }

    /** Number of gold tokens of all sequences. */
    public int goldTokens() {
        return sequences.stream().mapToInt(s -> s.gold().size()).sum();
    }

    /** Token ids {@code [rows]}. */
    long[] ids() {
        return sequences.stream()
                .flatMapToLong(sequence -> IntStream.range(0, sequence.length()).mapToLong(sequence::token))
                .toArray();
    }

    /** The row that predicts each gold token, {@code [goldTokens]}. */
    long[] predictingRows() {
        long[] rows = new long[goldTokens()];
        int next = 0;
        int end = 0;
        for (ForcedSequence sequence : sequences) {
            end += sequence.length();
            for (int g = sequence.gold().size(); g > 0; g--) {
                rows[next++] = end - g;
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
