package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.DecoderException;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Decides what runs in each step of an engine instance. It takes requests from the {@link RequestQueue} as they fit; every
 * decoding row takes part in every step, and prompts share what the step may carry of them. Belongs to the instance's thread.
 */
final class Scheduler {

    private final LanguageModel model;
    private final int instance;
    private final RequestQueue queue;
    private final KvPool pool;
    private final int promptBudget;
    private final int piece;
    private final List<Row> running = new ArrayList<>();
    private final PrefixSharing sharing;

    /** A row of the next step with the number of tokens it brings. */
    record Turn(Row row, int promptTokens) {}

    /**
     * @param instance     the index of the instance in the queue
     * @param promptTokens the most prompt tokens in a step
     */
    Scheduler(LanguageModel model, Decoder decoder, int instance, RequestQueue queue, KvPool pool, int promptTokens) {
        this.model = model;
        this.instance = instance;
        this.queue = queue;
        this.pool = pool;
        this.piece = decoder.chunkTokens();
        this.promptBudget = Math.max(promptTokens, piece);
        this.sharing = new PrefixSharing(pool);
    }

    int running() {
        return running.size();
    }

    /** Admits what fits, then says which rows the next step has and how much of their prompts. */
    List<Turn> nextStep() {
        admit();
        List<Turn> turns = new ArrayList<>();
        int left = promptBudget;
        for (Row row : running) {
            if (!row.isPrefilling()) {
                turns.add(new Turn(row, 0));
            } else if (left > 0 && sharing.mayRun(row, running)) {
                int tokens = row.promptPiece(left, piece);
                if (tokens > 0) {
                    turns.add(new Turn(row, tokens));
                }
                left -= tokens;
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
            pool.releaseInvalid(row.slot());
        } else {
            pool.release(row.slot());
        }
        queue.rowEnded(instance, row.owner().request().lora());
    }

    /** Drops everything that runs, without a word to the cache. */
    Set<RunningRequest> abandon() {
        Set<RunningRequest> abandoned = new LinkedHashSet<>();
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
        for (Optional<RunningRequest> next = queue.offer(instance); next.isPresent(); next = queue.offer(instance)) {
            RunningRequest request = next.get();
            int tokens = request.request().prompt().size()
                    + request.request().params().maxTokens();
            Optional<List<KvSlot>> slots;
            try {
                slots = pool.reserve(tokens, request.request().params().choices());
            } catch (DecoderException e) {
                // The budget allowed what the device's memory did not.
                queue.drop();
                request.failed("engine_error", "there was no memory for keys and values");
                continue;
            }
            if (request.cancelled().isPresent()) {
                slots.ifPresent(unused -> unused.forEach(pool::release));
                queue.drop();
                request.endedBeforeStart(request.cancelled().get());
            } else if (slots.isEmpty()) {
                queue.refuse(
                        instance, pool.bytes(tokens, request.request().params().choices()));
            } else {
                queue.accept(instance);
                start(request, slots.get());
            }
        }
    }

    private void start(RunningRequest request, List<KvSlot> slots) {
        request.started();
        for (int choice = 0; choice < slots.size(); choice++) {
            running.add(new Row(
                    request,
                    choice,
                    slots.get(choice),
                    model.tokenizer(),
                    model.config().endOfSequence()));
        }
    }
}
