package io.tidemark.generation;

import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenCounts;
import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.generation.Completion.ScoredToken;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarState;
import io.tidemark.text.StopStrings;
import io.tidemark.text.StreamingDetokenizer;
import io.tidemark.text.TextTokenizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A running choice of a request: its tokens, its text and its end. Used by the thread of the engine, except
 * where a method says otherwise.
 */
final class Sequence {

    private static final System.Logger LOG = System.getLogger(Sequence.class.getName());

    private final SubmittedRequest owner;
    private final GenerationParams params;
    private final List<Integer> prompt;
    private final int choice;
    private final KvSlot slot;
    private final TextTokenizer tokenizer;
    private final StreamingDetokenizer detokenizer;
    private final StopStrings.Search stops;
    /** The tokens that end the choice. */
    private final Set<Integer> endTokens;
    /** The tokens that penalties apply to. */
    private final TokenCounts counts;

    private final List<Integer> generated = new ArrayList<>();
    private final List<ScoredToken> logprobs = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    /** How many tokens the slot holds; written by the thread that runs the turn only. */
    private volatile int cachedTokens;

    /** The state of the grammar; empty without a grammar, and until the first token is sampled. */
    private Optional<GrammarState> grammarState = Optional.empty();
    /** The tokens that may be next; empty without a grammar, and until the step that samples the next token. */
    private Optional<TokenMasks.Mask> mask = Optional.empty();

    /** Processor time of the masks lately, see {@link #maskTook}; empty before the first one. */
    private OptionalLong maskNanos = OptionalLong.empty();
    /** The steps for which the sequence has waited for its next mask. */
    private int waitedSteps;

    private Optional<FinishReason> finished = Optional.empty();

    /** @param endOfSequence the model's end-of-sequence tokens */
    Sequence(SubmittedRequest owner, int choice, KvSlot slot, TextTokenizer tokenizer, Set<Integer> endOfSequence) {
        this.owner = owner;
        this.params = owner.request().params();
        this.prompt = owner.request().prompt();
        this.choice = choice;
        this.slot = slot;
        this.tokenizer = tokenizer;
        this.detokenizer = new StreamingDetokenizer(tokenizer);
        this.stops = owner.stops().search();
        this.endTokens = new HashSet<>(params.stopConditions().stopTokens());
        if (!params.stopConditions().ignoreEos()) {
            endTokens.addAll(endOfSequence);
        }
        this.counts = new TokenCounts(params.sampling().penalties().coverPrompt() ? prompt : List.of());
    }

    SubmittedRequest owner() {
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

    /** Whether the slot holds any of the sequence's tokens. */
    boolean hasStarted() {
        return cachedTokens > 0;
    }

    /** Sets the number of prompt tokens that were copied to the slot and are not computed. */
    void startAt(int promptTokens) {
        cachedTokens = promptTokens;
    }

    /** The prompt tokens in the slot. */
    List<Integer> cachedPrompt() {
        return prompt.subList(0, Math.min(cachedTokens, prompt.size()));
    }

    boolean hasGenerated() {
        return !generated.isEmpty();
    }

    /** Whether a part of the prompt is not yet computed. */
    boolean isPrefilling() {
        return cachedTokens < prompt.size();
    }

    /**
     * Prompt tokens that are not yet computed: one if the choice is going to copy the others from the first choice. Any
     * thread may call.
     */
    int promptTokensLeft() {
        int cached = cachedTokens;
        return choice > 0 && cached == 0 ? 1 : Math.max(0, prompt.size() - cached);
    }

    /** The most tokens that may still be generated. Any thread may call. */
    int tokensLeft() {
        return params.maxTokens() - generatedTokens(cachedTokens);
    }

    /**
     * An estimate of the prompt tokens that are not yet processed and of the tokens that will be generated, at least
     * one. Any thread may call.
     *
     * @param completionTokens the usual length of a choice
     */
    double tokensLeft(double completionTokens) {
        int generatedTokens = generatedTokens(cachedTokens);
        double left = Math.max(1, params.expectedTokens(completionTokens) - generatedTokens);
        return promptTokensLeft() + Math.min(left, params.maxTokens() - generatedTokens);
    }

    private int generatedTokens(int cached) {
        // the last generated token is not in the slot
        return Math.max(0, cached - prompt.size() + 1);
    }

    /**
     * The number of prompt tokens in the next step.
     *
     * @param max   maximum number of tokens
     * @param chunk unless the prompt ends, the cached tokens after the step are a multiple of this number
     */
    int nextPromptTokens(int max, int chunk) {
        int remaining = prompt.size() - cachedTokens;
        return remaining <= max ? remaining : Math.max(0, max - (cachedTokens + max) % chunk);
    }

    /** Whether a step with this number of prompt tokens samples a token, which must match the grammar. */
    boolean needsMask(int promptTokens) {
        return params.grammar().isPresent() && cachedTokens + promptTokens >= prompt.size();
    }

    /**
     * The state of the grammar before the next token, for all tokens but the last one.
     *
     * @throws RuntimeException if the first state can't be made
     */
    GrammarState grammarState() {
        if (grammarState.isEmpty()) {
            grammarState = params.grammar().map(CompiledGrammar::start);
        }
        return grammarState.orElseThrow();
    }

    /** The last generated token, or -1. */
    int lastToken() {
        return generated.isEmpty() ? -1 : generated.get(generated.size() - 1);
    }

    /** Sets the tokens that may be next. */
    void allow(TokenMasks.Mask tokens) {
        mask = Optional.of(tokens);
    }

    /** Counts a step that has no time for the mask of the sequence, which therefore has no row in it. */
    void waitForMask() {
        waitedSteps++;
    }

    /**
     * Updates the estimate when a mask was computed or has failed. An expensive mask counts less with each later one.
     *
     * @param nanos processor time
     */
    void maskTook(long nanos) {
        maskNanos = OptionalLong.of(Math.max(nanos, maskNanos.orElse(0) / 4 * 3));
        waitedSteps = 0;
    }

    /** The estimate of the processor time of the next mask; empty before the first one. */
    OptionalLong maskNanos() {
        return maskNanos;
    }

    int waitedSteps() {
        return waitedSteps;
    }

    /** Frees the state of the grammar, when the sequence is removed from the batch. */
    void closeGrammar() {
        try {
            grammarState.ifPresent(GrammarState::close);
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "the state of a grammar could not be closed", e);
        }
        grammarState = Optional.empty();
    }

    /** The row of the next step: the last generated token, or up to {@code promptTokens} of the prompt. */
    StepRow nextRow(int promptTokens) {
        EngineRequest request = owner.request();
        List<Integer> tokens = isPrefilling()
                ? prompt.subList(cachedTokens, Math.min(prompt.size(), cachedTokens + promptTokens))
                : generated.subList(generated.size() - 1, generated.size());
        boolean samples = cachedTokens + tokens.size() >= prompt.size();
        return new StepRow(
                slot,
                List.copyOf(tokens),
                cachedTokens,
                request.lora(),
                request.boundary(),
                samples ? Optional.of(nextSampling()) : Optional.empty());
    }

    /** Counts the tokens that a step has added to the slot. */
    void advance(int tokens) {
        cachedTokens += tokens;
    }

    /**
     * Adds the token that a step has sampled; returns the text that can be emitted. With a grammar, the choice does not
     * end with its last token: whether its text is complete is known when the grammar has advanced by this token.
     */
    String accept(SampledToken token) {
        generated.add(token.token());
        mask = Optional.empty();
        if (!params.sampling().penalties().areOff()) {
            counts.add(token.token());
        }
        params.logprobs().ifPresent(top -> logprobs.add(logprob(token)));
        if (endTokens.contains(token.token())) {
            return finish(FinishReason.STOP);
        }
        String chunk = detokenizer.add(token.token());
        boolean searchesStops = generated.size() > params.stopConditions().minTokens();
        String emitted = emit(searchesStops ? stops.add(chunk) : chunk);
        if (stops.found()) {
            finished = Optional.of(FinishReason.STOP);
        } else if (hasAllTokens() && params.grammar().isEmpty()) {
            emitted += finish(FinishReason.LENGTH);
        }
        return emitted;
    }

    /** Whether no further token may be generated. */
    boolean hasAllTokens() {
        return generated.size() >= params.maxTokens();
    }

    /** Ends the choice; returns the text that was held back. */
    String finish(FinishReason reason) {
        String rest = stops.add(detokenizer.finish()) + stops.finish();
        finished = Optional.of(stops.found() ? FinishReason.STOP : reason);
        return emit(rest);
    }

    /** The result of a finished choice. */
    GeneratedChoice result() {
        return new GeneratedChoice(choice, text.toString(), generated, finished.orElseThrow(), logprobs);
    }

    private TokenSampling nextSampling() {
        SamplingParams sampling = params.sampling();
        double uniform = sampling.isGreedy() ? 0 : params.uniform(choice, generated.size());
        if (params.grammar().isPresent() && mask.isEmpty()) {
            throw new IllegalStateException("a row with a grammar has no mask");
        }
        return new TokenSampling(sampling, uniform, counts, banned(), params.logprobs(), mask);
    }

    /** The tokens that end the choice, until {@code min_tokens}; none if its grammar allows no others. */
    private Set<Integer> banned() {
        boolean mayEnd = generated.size() >= params.stopConditions().minTokens()
                || mask.filter(tokens -> tokens.allowsOnly(endTokens)).isPresent();
        return mayEnd ? Set.of() : endTokens;
    }

    private String emit(String chunk) {
        text.append(chunk);
        return chunk;
    }

    private ScoredToken logprob(SampledToken token) {
        return new ScoredToken(
                token.token(),
                tokenizer.decode(List.of(token.token())),
                token.logprob(),
                token.top().stream()
                        .map(a -> new ScoredToken.LikelyToken(
                                a.token(), tokenizer.decode(List.of(a.token())), a.logprob()))
                        .toList());
    }
}
