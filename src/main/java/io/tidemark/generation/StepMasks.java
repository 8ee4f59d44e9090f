package io.tidemark.generation;

import io.tidemark.decoder.sampling.TokenMask;
import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.grammar.GrammarState;
import io.tidemark.grammar.RowStatus;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Computes which tokens may follow in the rows of a step that have a grammar, with one call for all of them. The masks
 * are valid until the next call, and also if the step is repeated row by row. Used by one thread, which runs the steps.
 */
final class StepMasks {

    private static final System.Logger LOG = System.getLogger(StepMasks.class.getName());

    private final int vocabulary;
    private final Source source;
    /** As many as any step has needed, at most one for each sequence of the engine. */
    private Optional<TokenMasks> buffer = Optional.empty();

    /** Has the contract of {@link io.tidemark.grammar.GrammarMasks#advance}. */
    @FunctionalInterface
    interface Source {

        List<RowStatus> advance(List<GrammarState> states, int[] lastTokens, IntBuffer masks);
    }

    StepMasks(int vocabulary, Source source) {
        this.vocabulary = vocabulary;
        this.source = source;
    }

    /**
     * Advances the grammars by the last tokens of the sequences, and gives each sequence that can go on its mask. To be
     * called once for each token.
     *
     * @return a status for each sequence
     */
    List<RowStatus> advance(List<Sequence> sequences) {
        List<RowStatus> statuses = new ArrayList<>();
        List<Sequence> started = new ArrayList<>();
        List<GrammarState> states = new ArrayList<>();
        for (Sequence sequence : sequences) {
            try {
                states.add(sequence.grammarState());
                started.add(sequence);
                statuses.add(RowStatus.OK);
            } catch (RuntimeException e) {
                LOG.log(System.Logger.Level.ERROR, "a grammar could not be started", e);
                statuses.add(new RowStatus.Failed("it could not be started"));
            }
        }
        if (started.isEmpty()) {
            return statuses;
        }
        TokenMasks masks = masks(started.size());
        List<RowStatus> advanced = advance(states, started, masks);
        for (int i = 0, row = 0; i < statuses.size(); i++) {
            if (statuses.get(i) == RowStatus.OK) {
                statuses.set(i, allow(started.get(row), advanced.get(row), masks.mask(row)));
                row++;
            }
        }
        return statuses;
    }

    private List<RowStatus> advance(List<GrammarState> states, List<Sequence> sequences, TokenMasks masks) {
        int[] lastTokens = sequences.stream().mapToInt(Sequence::lastToken).toArray();
        try {
            List<RowStatus> statuses = source.advance(states, lastTokens, masks.bits(states.size()));
            if (statuses.size() == states.size()) {
                return statuses;
            }
            LOG.log(System.Logger.Level.ERROR, statuses.size() + " statuses of " + states.size() + " grammars");
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "the grammars of a step could not be advanced", e);
        }
        return states.stream()
                .<RowStatus>map(state -> new RowStatus.Failed("it could not be advanced"))
                .toList();
    }

    /** @param mask written if the status is OK */
    private static RowStatus allow(Sequence sequence, RowStatus status, TokenMask mask) {
        if (!(status instanceof RowStatus.Ok)) {
            return status;
        }
        if (mask.isEmpty()) {
            return new RowStatus.Failed("no token may follow");
        }
        sequence.allow(mask);
        return status;
    }

    private TokenMasks masks(int rows) {
        TokenMasks masks = buffer.filter(open -> open.rows() >= rows).orElseGet(() -> new TokenMasks(rows, vocabulary));
        buffer = Optional.of(masks);
        return masks;
    }
}
