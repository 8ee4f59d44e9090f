package io.tidemark.decoder;

import java.util.List;

/**
 * Sequences whose gold tokens are scored, padded behind to one length, so that causal attention never sees the padding.
 * The last token of a sequence predicts nothing and takes no part.
 */
public record ForcedBatch(List<Sequence> sequences) {

    /**
     * @param prompt at least one token
     * @param gold   the tokens to score, at least one
     */
    public record Sequence(List<Integer> prompt, List<Integer> gold) {

        public Sequence {
            if (prompt.isEmpty() || gold.isEmpty()) {
                throw new IllegalArgumentException("a sequence needs a token of prompt and one of completion");
            }
            prompt = List.copyOf(prompt);
            gold = List.copyOf(gold);
        }

        /** Tokens that go through the decoder. */
        public int length() {
            return prompt.size() + gold.size() - 1;
        }

        private int token(int position) {
            return position < prompt.size() ? prompt.get(position) : gold.get(position - prompt.size());
        }
    }

    public ForcedBatch {
        sequences = List.copyOf(sequences);
    }

    /** Length of the longest sequence, t. */
    public int paddedLength() {
        return sequences.stream().mapToInt(Sequence::length).max().orElseThrow();
    }

    /** Rows of one state: sequences times t. */
    public int rows() {
        return sequences.size() * paddedLength();
    }

    /** Gold tokens of all sequences. */
    public int goldTokens() {
        return sequences.stream().mapToInt(s -> s.gold().size()).sum();
    }

    /** Token ids {@code [sequences * t]}, 0 as padding. */
    public long[] ids() {
        int length = paddedLength();
        long[] ids = new long[rows()];
        for (int s = 0; s < sequences.size(); s++) {
            for (int position = 0; position < sequences.get(s).length(); position++) {
                ids[s * length + position] = sequences.get(s).token(position);
            }
        }
        return ids;
    }

    /** For each gold token, sequence by sequence, the row that predicts it. */
    public long[] predictingRows() {
        LongList rows = new LongList();
        for (int s = 0; s < sequences.size(); s++) {
            Sequence sequence = sequences.get(s);
            for (int g = 0; g < sequence.gold().size(); g++) {
                rows.add((long) s * paddedLength() + sequence.prompt().size() - 1 + g);
            }
        }
        return rows.toArray();
    }

    public long[] gold() {
        return sequences.stream()
                .flatMap(s -> s.gold().stream())
                .mapToLong(Integer::longValue)
                .toArray();
    }
}
