package io.tidemark.generation;

import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenCounts;
import io.tidemark.decoder.sampling.TokenSampling;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** How the tokens of one choice are chosen, and which of them ends it. Belongs to the instance's thread. */
final class ChoiceRules {

    private final GenerationRequest request;
    private final int choice;
    private final Set<Integer> ends;
    private final TokenCounts seen;
    private int generated;

    ChoiceRules(GenerationRequest request, int choice, Set<Integer> endOfSequence) {
        this.request = request;
        this.choice = choice;
        this.ends = new HashSet<>(request.params().stopConditions().stopTokens());
        if (!request.params().stopConditions().ignoreEos()) {
            ends.addAll(endOfSequence);
        }
        this.seen =
                new TokenCounts(request.params().sampling().penalties().coverPrompt() ? request.prompt() : List.of());
    }

    TokenSampling next() {
        SamplingParams sampling = request.params().sampling();
        double uniform = sampling.isGreedy() ? 0 : request.params().uniform(choice, generated);
        Set<Integer> banned = generated < request.params().stopConditions().minTokens() ? ends : Set.of();
        return new TokenSampling(sampling, uniform, seen, banned, request.params().logprobs());
    }

    void chosen(int token) {
        generated++;
        if (!request.params().sampling().penalties().areOff()) {
            seen.add(token);
        }
    }

    boolean ends(int token) {
        return ends.contains(token);
    }

    /** Whether the last token is one of the least tokens that the choice must have, whose text no stop ends. */
    boolean mustGoOn() {
        return generated <= request.params().stopConditions().minTokens();
    }
}
