package io.tidemark.generation;

import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.PrefixCache;
import io.tidemark.decoder.script.DecoderException;
import java.util.List;

/**
 * Avoids computing a prompt prefix twice. The choices of a request copy the prompt of its first choice. Sequences with
 * the same tenant, adapter, boundary and prefix restore it from the prefix cache, or wait for the sequence that is
 * computing it. Used by the thread of the engine.
 */
final class PrefixSharing {

    private static final System.Logger LOG = System.getLogger(PrefixSharing.class.getName());

    private final KvPool pool;
    private final boolean enabled;
    private long reusedTokens;

    PrefixSharing(KvPool pool) {
        this.pool = pool;
        this.enabled = pool.prefixes().isEnabled();
    }

    /**
     * Whether a prefilling sequence may run in the next step. Restores the cached prefix of a sequence that has not
     * started.
     *
     * @param running all running sequences, the oldest first
     */
    boolean mayRun(Sequence sequence, List<Sequence> running) {
        if (sequence.hasStarted()) {
            return true;
        }
        for (Sequence other : running) {
            if (other.owner() == sequence.owner() && other.choice() < sequence.choice() && other.isPrefilling()) {
                return false;
            }
        }
        if (enabled && sequence.choice() == 0) {
            if (isBeingComputed(sequence, running)) {
                return false;
            }
            restore(sequence);
        }
        return true;
    }

    /** Caches the computed part of a prompt. */
    void promptAdvanced(Sequence sequence) {
        if (!enabled) {
            return;
        }
        try {
            pool.prefixes().store(sequence.slot(), scope(sequence), sequence.cachedPrompt());
        } catch (DecoderException e) {
            LOG.log(System.Logger.Level.WARNING, "the keys and values of a prompt could not be cached", e);
        }
    }

    /**
     * Copies a prompt, whose logits were finite, to the slots of the request's other choices, which compute its last
     * token only.
     */
    void promptDone(Sequence sequence, List<Sequence> running) {
        int tokens = sequence.owner().request().prompt().size() - 1;
        for (Sequence other : running) {
            if (other.owner() == sequence.owner() && !other.hasStarted() && tokens > 0) {
                try {
                    pool.copy(sequence.slot(), other.slot(), tokens);
                    other.startAt(tokens);
                } catch (DecoderException e) {
                    LOG.log(
                            System.Logger.Level.WARNING,
                            "the keys and values of a prompt could not be copied; the choice computes them again",
                            e);
                }
            }
        }
    }

    /** Prompt tokens restored from the prefix cache. */
    long reusedTokens() {
        return reusedTokens;
    }

    private void restore(Sequence sequence) {
        try {
            int tokens = pool.prefixes()
                    .restore(
                            sequence.slot(),
                            scope(sequence),
                            sequence.owner().request().prompt());
            sequence.startAt(tokens);
            sequence.owner().prefixReused(tokens);
            reusedTokens += tokens;
        } catch (DecoderException e) {
            LOG.log(System.Logger.Level.WARNING, "a cached prefix could not be restored; the prompt is computed", e);
        }
    }

    /** Whether an older sequence is computing a prompt that has more in common with this one than the cache has. */
    private boolean isBeingComputed(Sequence sequence, List<Sequence> running) {
        PrefixCache.PrefixScope scope = scope(sequence);
        List<Integer> prompt = sequence.owner().request().prompt();
        List<Integer> cacheable = prompt.subList(0, prompt.size() - 1);
        int cached = pool.prefixes().cachedTokens(scope, cacheable);
        for (Sequence other : running) {
            if (other == sequence) {
                return false;
            }
            if (other.choice() == 0
                    && other.isPrefilling()
                    && scope(other).equals(scope)
                    && pool.prefixes()
                                    .commonTokens(
                                            cacheable, other.owner().request().prompt())
                            > cached) {
                return true;
            }
        }
        return false;
    }

    private static PrefixCache.PrefixScope scope(Sequence sequence) {
        EngineRequest request = sequence.owner().request();
        return PrefixCache.PrefixScope.of(request.tenant(), request.lora(), request.boundary());
    }
}
