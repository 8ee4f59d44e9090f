package io.tidemark.generation;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.script.DecoderException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Decides what runs in each step. Starts requests of the {@link RequestQueue} as memory permits. Each step has a row
 * for every decoding sequence; prefilling sequences share the step's budget of prompt tokens. Used by the thread of the
 * engine, except for {@link #stepsLeft} and {@link #tokensLeft}.
 */
final class Scheduler {

    private final LanguageModel model;
    private final RequestQueue queue;
    private final KvPool pool;
    private final int promptBudget;
    private final int chunk;
    /** The running sequences in the order of their starts; written by the thread of the engine only. */
    private final List<Sequence> running = new CopyOnWriteArrayList<>();
    /** Requests without sequences that have not taken their outcome. */
    private final Set<SubmittedRequest> withoutOutcome = new LinkedHashSet<>();

    private final PrefixSharing sharing;

    /** A row of the next step; {@code promptTokens} is 0 for a decoding sequence. */
    record ScheduledRow(Sequence sequence, int promptTokens) {}

    /** @param promptTokens maximum number of prompt tokens in a step */
    Scheduler(LanguageModel model, RequestQueue queue, KvPool pool, int promptTokens) {
        this.model = model;
        this.queue = queue;
        this.pool = pool;
        this.chunk = model.decoder().chunkTokens();
        this.promptBudget = Math.max(promptTokens, chunk);
        this.sharing = new PrefixSharing(pool);
    }

    /** Number of running sequences. */
    int running() {
        return running.size();
    }

    /** Starts queued requests that fit, then returns the rows of the next step. */
    List<ScheduledRow> nextStep() {
        admit();
        return rows(promptBudget, row -> true);
    }

    /**
     * Rows for prompt tokens that a step does not use after all.
     *
     * @param tokens    maximum number of prompt tokens
     * @param scheduled the sequences that have a row in the step, or wait
     * @return rows that sample no token with a grammar
     */
    List<ScheduledRow> furtherPrompts(int tokens, Set<Sequence> scheduled) {
        return rows(
                tokens,
                row -> row.promptTokens() > 0
                        && !scheduled.contains(row.sequence())
                        && !row.sequence().needsMask(row.promptTokens()));
    }

    private List<ScheduledRow> rows(int promptTokens, Predicate<ScheduledRow> which) {
        List<ScheduledRow> rows = new ArrayList<>();
        int left = promptTokens;
        for (Sequence sequence : running) {
            boolean prefilling = sequence.isPrefilling();
            if (prefilling && (left == 0 || !sharing.mayRun(sequence, running))) {
                continue;
            }
            ScheduledRow row = new ScheduledRow(sequence, prefilling ? sequence.nextPromptTokens(left, chunk) : 0);
            if ((row.promptTokens() > 0 || !prefilling) && which.test(row)) {
                rows.add(row);
                left -= row.promptTokens();
            }
        }
        return rows;
    }

    /** Caches the part of a prompt that a step has computed. */
    void promptAdvanced(Sequence sequence) {
        sharing.promptAdvanced(sequence);
    }

    /** Shares a prompt, whose logits were finite, with the other choices of its request. */
    void promptDone(Sequence sequence) {
        sharing.promptDone(sequence, running);
    }

    long reusedPromptTokens() {
        return sharing.reusedTokens();
    }

    /**
     * Removes a sequence from the batch and releases its KV slot.
     *
     * @param invalid whether the slot may hold values that are not finite
     */
    void remove(Sequence sequence, boolean invalid) {
        running.remove(sequence);
        sequence.closeGrammar();
        if (invalid) {
            pool.releaseInvalid(sequence.slot());
        } else {
            pool.release(sequence.slot());
        }
        queue.sequenceEnded();
    }

    /**
     * Gives requests an outcome when they are no longer in the queue and have no sequences. If the listener of one of
     * them throws, the engine ends, and {@link #abandon} returns this one and those after it.
     *
     * @param giving gives a request its outcome
     */
    void end(Collection<SubmittedRequest> requests, Consumer<SubmittedRequest> giving) {
        withoutOutcome.addAll(requests);
        for (SubmittedRequest request : requests) {
            giving.accept(request);
            withoutOutcome.remove(request);
        }
    }

    /** Removes all sequences without releasing their slots, and returns their requests. */
    Set<SubmittedRequest> abandon() {
        Set<SubmittedRequest> abandoned = new LinkedHashSet<>(withoutOutcome);
        for (Sequence sequence : running) {
            sequence.closeGrammar();
            abandoned.add(sequence.owner());
        }
        running.clear();
        return abandoned;
    }

    List<Sequence> sequences(Predicate<SubmittedRequest> which) {
        return running.stream().filter(sequence -> which.test(sequence.owner())).toList();
    }

    /**
     * The most steps until the last choice of a running request ends, one of them for the step that is running; empty
     * if no request of this id runs. The prompts of older requests count, because they are computed first. Sequences
     * that wait for a common prefix may need a step more, and those with a grammar more steps if they wait for their
     * masks. Any thread may call.
     */
    OptionalInt stepsLeft(String requestId) {
        int perStep = promptBudget - promptBudget % chunk;
        long promptTokens = 0;
        int most = 0;
        for (Sequence sequence : running) {
            int left = sequence.promptTokensLeft();
            if (left > 0) {
                // the end of a prompt may leave less than a chunk of a step for the next prompt
                promptTokens += left + chunk - 1;
            }
            if (sequence.owner().request().id().equals(requestId)) {
                long promptSteps = left > 0 ? (promptTokens + perStep - 1) / perStep : 0;
                most = Math.max(most, (int) promptSteps + Math.max(1, sequence.tokensLeft()));
            }
        }
        return most == 0 ? OptionalInt.empty() : OptionalInt.of(most);
    }

    /** An estimate of the tokens that the running sequences still need. Any thread may call. */
    double tokensLeft(double completionTokens) {
        return running.stream()
                .mapToDouble(sequence -> sequence.tokensLeft(completionTokens))
                .sum();
    }

    /** Whether the sequence was not removed, for example because another choice of its request failed. */
    boolean isRunning(Sequence sequence) {
        return running.contains(sequence);
    }

    private void admit() {
        for (Optional<SubmittedRequest> next = queue.offer(); next.isPresent(); next = queue.offer()) {
            SubmittedRequest request = next.get();
            int tokens = request.request().prompt().size()
                    + request.request().params().maxTokens();
            Optional<List<KvSlot>> slots;
            try {
                slots = pool.reserve(tokens, request.request().params().choices());
            } catch (DecoderException e) {
                // the device is out of memory although the budget is not
                queue.drop();
                end(
                        List.of(request),
                        each -> each.fail("engine_error", "the device is out of memory for keys and values"));
                continue;
            }
            if (request.cancelled().isPresent()) {
                slots.ifPresent(unused -> unused.forEach(pool::release));
                queue.drop();
                end(
                        List.of(request),
                        each -> each.endBeforeStart(each.cancelled().orElseThrow()));
            } else if (slots.isEmpty()) {
                queue.refuse();
            } else {
                queue.accept();
                start(request, slots.get());
            }
        }
    }

    private void start(SubmittedRequest request, List<KvSlot> slots) {
        request.started();
        for (int choice = 0; choice < slots.size(); choice++) {
            running.add(new Sequence(
                    request,
                    choice,
                    slots.get(choice),
                    model.tokenizer(),
                    model.config().endOfSequence()));
        }
    }
}
