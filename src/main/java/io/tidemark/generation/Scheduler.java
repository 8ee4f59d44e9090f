package io.tidemark.generation;

import io.tidemark.generation.AdmissionQueue.Admitted;
import io.tidemark.model.KvPool;
import io.tidemark.model.KvSlot;
import io.tidemark.model.LanguageModel;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The one place that decides who runs. Requests are admitted by {@link AdmissionQueue}; every decoding row takes part in
 * every step, and prompts share what the step may carry of them. Belongs to the engine's thread.
 */
final class Scheduler {

    private final LanguageModel model;
    private final EngineLimits limits;
    private final KvPool pool;
    private final AdmissionQueue waiting;
    private final List<Row> running = new ArrayList<>();
    private final PrefixSharing sharing;

    /** A row of the next step with the number of tokens it brings. */
    record Turn(Row row, int promptTokens) {
    }

    Scheduler(LanguageModel model, EngineLimits limits, KvPool pool) {
        this.model = model;
        this.limits = limits;
        this.pool = pool;
        this.waiting = new AdmissionQueue(limits, pool);
        this.sharing = new PrefixSharing(pool, limits);
    }

    void enqueue(RunningRequest request) {
        waiting.add(request);
    }

    int waiting() {
        return waiting.size();
    }

    int running() {
        return running.size();
    }

    boolean isIdle() {
        return waiting.size() == 0 && running.isEmpty();
    }

    /** Admits what fits, then says which rows the next step has and how much of their prompts. */
    List<Turn> nextStep() {
        admit();
        List<Turn> turns = new ArrayList<>();
        int piece = model.decoder().pieceTokens();
        int promptBudget = Math.max(limits.prefillTokensPerStep(), piece);
        for (Row row : running) {
            if (!row.isPrefilling()) {
                turns.add(new Turn(row, 0));
            } else if (promptBudget > 0 && sharing.mayRun(row, running)) {
                int tokens = row.promptPiece(promptBudget, piece);
                if (tokens > 0) {
                    turns.add(new Turn(row, tokens));
                }
                promptBudget -= tokens;
            }
        }
        return turns;
    }

    /** A step has run more of a row's prompt. */
    void promptAdvanced(Row row) {
        sharing.promptAdvanced(row);
    }

    /** The last token of a row's prompt has led to finite logits. */
    void promptDone(Row row) {
        sharing.promptDone(row, running);
    }

    long reusedPromptTokens() {
        return sharing.reusedTokens();
    }

    /** Takes a finished row out of the batch. */
    void remove(Row row, boolean spoilt) {
        running.remove(row);
        if (spoilt) {
            pool.releaseSpoilt(row.slot());
        } else {
            pool.release(row.slot());
        }
    }

    /** Takes matching requests out of the queue. */
    List<RunningRequest> removeWaiting(Predicate<RunningRequest> which) {
        return waiting.remove(which);
    }

    /** Drops everything that waits and runs, without a word to the cache. */
    Set<RunningRequest> abandon() {
        Set<RunningRequest> abandoned = new LinkedHashSet<>(waiting.remove(request -> true));
        running.forEach(row -> abandoned.add(row.owner()));
        running.clear();
        return abandoned;
    }

    List<Row> rows(Predicate<RunningRequest> which) {
        return running.stream().filter(row -> which.test(row.owner())).toList();
    }

    /** False once the row has left, as when another choice of its request failed. */
    boolean isRunning(Row row) {
        return running.contains(row);
    }

    private void admit() {
        Optional<Admitted> next = waiting.next(running.size());
        while (next.isPresent()) {
            start(next.get().request(), next.get().slots());
            next = waiting.next(running.size());
        }
    }

    private void start(RunningRequest request, List<KvSlot> slots) {
        request.started();
        for (int choice = 0; choice < slots.size(); choice++) {
            running.add(new Row(request, choice, slots.get(choice), model.tokenizer(), model.config().endOfSequence()));
        }
    }
}
