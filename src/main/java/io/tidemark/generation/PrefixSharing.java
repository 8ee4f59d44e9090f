package io.tidemark.generation;

import io.tidemark.decoder.DecoderException;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.PrefixCache;
import java.util.List;

/**
 * Sees that a prompt's beginning runs once: choices of a request copy the first one's prompt, and rows of the same adapter
 * and boundary whose prompts begin alike take over what is kept of it, or wait for the row that is just running it.
 */
final class PrefixSharing {

    private static final System.Logger LOG = System.getLogger(PrefixSharing.class.getName());

    private final KvPool pool;
    private final boolean keeps;
    private long reusedTokens;

    PrefixSharing(KvPool pool) {
        this.pool = pool;
        this.keeps = pool.prefixes().isEnabled();
    }

    /**
     * Whether a prefilling row may run now. A row that has not begun takes over what is kept for it first.
     *
     * @param running all rows, the oldest first
     */
    boolean mayRun(Row row, List<Row> running) {
        if (row.hasBegun()) {
            return true;
        }
        for (Row other : running) {
            if (other.owner() == row.owner() && other.choice() < row.choice() && other.isPrefilling()) {
                return false;
            }
        }
        if (keeps && row.choice() == 0) {
            if (willSoonHoldMore(row, running)) {
                return false;
            }
            restore(row);
        }
        return true;
    }

    /** Keeps what a row has run of its prompt so far. */
    void promptAdvanced(Row row) {
        if (!keeps) {
            return;
        }
        try {
            pool.prefixes().store(row.slot(), owner(row), row.promptInCache());
        } catch (DecoderException e) {
            LOG.log(System.Logger.Level.WARNING, "a prompt's keys and values could not be kept", e);
        }
    }

    /** The row's prompt is in its slot and its logits were finite: the other choices need to run only its last token. */
    void promptDone(Row row, List<Row> running) {
        int tokens = row.owner().request().prompt().size() - 1;
        for (Row other : running) {
            if (other.owner() == row.owner() && !other.hasBegun() && tokens > 0) {
                try {
                    pool.copy(row.slot(), other.slot(), tokens);
                    other.beginAt(tokens);
                } catch (DecoderException e) {
                    LOG.log(
                            System.Logger.Level.WARNING,
                            "a prompt's keys and values could not be copied; the choice runs it again",
                            e);
                }
            }
        }
    }

    /** Prompt tokens that were taken over from kept prefixes so far. */
    long reusedTokens() {
        return reusedTokens;
    }

    private void restore(Row row) {
        try {
            int tokens = pool.prefixes()
                    .restore(row.slot(), owner(row), row.owner().request().prompt());
            row.beginAt(tokens);
            row.owner().reused(tokens);
            reusedTokens += tokens;
        } catch (DecoderException e) {
            LOG.log(System.Logger.Level.WARNING, "a kept prefix could not be copied; the prompt is run", e);
        }
    }

    /** An older row of the same owner is running a prompt that shares more with this one than is kept. */
    private boolean willSoonHoldMore(Row row, List<Row> running) {
        PrefixCache.Scope owner = owner(row);
        List<Integer> prompt = row.owner().request().prompt();
        List<Integer> shareable = prompt.subList(0, prompt.size() - 1);
        int held = pool.prefixes().cachedTokens(owner, shareable);
        for (Row other : running) {
            if (other == row) {
                return false;
            }
            if (other.choice() == 0
                    && other.isPrefilling()
                    && owner(other).equals(owner)
                    && pool.prefixes()
                                    .commonTokens(
                                            shareable, other.owner().request().prompt())
                            > held) {
                return true;
            }
        }
        return false;
    }

    private static PrefixCache.Scope owner(Row row) {
        GenerationRequest request = row.owner().request();
        return PrefixCache.Scope.of(request.lora(), request.boundary().layers());
    }
}
