package io.tidemark.generation;

import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.generation.Completion.Choice;
import io.tidemark.generation.Completion.TokenLogprob;
import io.tidemark.text.StopStrings;
import io.tidemark.text.StreamingDetokenizer;
import io.tidemark.text.TextTokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** One choice of a request in the running batch. Belongs to the instance's thread. */
final class Row {

    private final RunningRequest owner;
    private final int choice;
    private final KvSlot slot;
    private final TextTokenizer tokenizer;
    private final ChoiceRules rules;
    private final StreamingDetokenizer detokenizer;
    private final StopStrings stops;
    private final List<Integer> generated = new ArrayList<>();
    private final List<TokenLogprob> logprobs = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private int cached;
    private Optional<FinishReason> finished = Optional.empty();

    Row(RunningRequest owner, int choice, KvSlot slot, TextTokenizer tokenizer, Set<Integer> endOfSequence) {
        this.owner = owner;
        this.choice = choice;
        this.slot = slot;
        this.tokenizer = tokenizer;
        this.rules = new ChoiceRules(request(), choice, endOfSequence);
        this.detokenizer = new StreamingDetokenizer(tokenizer);
        this.stops = new StopStrings(request().params().stopConditions().stop());
    }

    RunningRequest owner() {
        return owner;
    }

    int choice() {
        return choice;
    }

    KvSlot slot() {
        return slot;
    }

    Optional<FinishReason> finished() {
        return finished;
    }

    /** Whether any of the row's tokens are in its slot. */
    boolean hasBegun() {
        return cached > 0;
    }

    /** The slot was given the first tokens of the prompt; they need not be run. */
    void beginAt(int promptTokens) {
        cached = promptTokens;
    }

    /** The tokens of the prompt that the slot holds. */
    List<Integer> promptInCache() {
        return request().prompt().subList(0, Math.min(cached, request().prompt().size()));
    }

    /** Whether a token was chosen yet. */
    boolean hasGenerated() {
        return !generated.isEmpty();
    }

    boolean isPrefilling() {
        return cached < request().prompt().size();
    }

    /** How many tokens of its prompt the row brings when it may bring {@code most}: all, or up to a multiple of {@code piece}. */
    int promptPiece(int most, int piece) {
        int left = request().prompt().size() - cached;
        return left <= most ? left : Math.max(0, most - (cached + most) % piece);
    }

    /** The row's part of the next step: its last token, or up to {@code promptTokens} of its prompt. */
    StepRow next(int promptTokens) {
        GenerationRequest request = request();
        List<Integer> tokens = isPrefilling()
                ? request.prompt().subList(cached, Math.min(request.prompt().size(), cached + promptTokens))
                : generated.subList(generated.size() - 1, generated.size());
        boolean choosing = cached + tokens.size() >= request.prompt().size();
        return new StepRow(
                slot,
                List.copyOf(tokens),
                cached,
                request.lora(),
                request.boundary().layers(),
                choosing ? Optional.of(rules.next()) : Optional.empty());
    }

    /** The step has put these tokens into the cache. */
    void advance(int tokens) {
        cached += tokens;
    }

    /** Takes the step's token; returns the text that can be shown now. */
    String accept(SampledToken token) {
        generated.add(token.token());
        rules.chosen(token.token());
        request().params().logprobs().ifPresent(top -> logprobs.add(logprob(token)));
        if (rules.ends(token.token())) {
            return finish(FinishReason.STOP);
        }
        String piece = detokenizer.add(token.token());
        String shown = show(rules.mustGoOn() ? piece : stops.add(piece));
        if (stops.found()) {
            finished = Optional.of(FinishReason.STOP);
        } else if (generated.size() == request().params().maxTokens()) {
            shown += finish(FinishReason.LENGTH);
        }
        return shown;
    }

    /** Ends the choice; returns the text that was held back. */
    String finish(FinishReason reason) {
        String rest = stops.add(detokenizer.finish()) + stops.finish();
        finished = Optional.of(stops.found() ? FinishReason.STOP : reason);
        return show(rest);
    }

    Choice result() {
        return new Choice(choice, text.toString(), generated, finished.orElseThrow(), logprobs);
    }

    private GenerationRequest request() {
        return owner.request();
    }

    private String show(String piece) {
        text.append(piece);
        return piece;
    }

    private TokenLogprob logprob(SampledToken token) {
        return new TokenLogprob(
                token.token(),
                tokenizer.decode(List.of(token.token())),
                token.logprob(),
                token.top().stream()
                        .map(a -> new TokenLogprob.Alternative(
                                a.token(), tokenizer.decode(List.of(a.token())), a.logprob()))
                        .toList());
    }
}
