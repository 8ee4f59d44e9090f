package io.tidemark.generation;

import io.tidemark.decoder.sampling.Sampling;
import io.tidemark.decoder.sampling.SeenTokens;
import io.tidemark.decoder.sampling.TokenRule;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** How the tokens of one choice are chosen, and which of them ends it. Belongs to the instance's thread. */
final class ChoiceRules {

    private final GenerationRequest request;
    private final int choice;
    private final Set<Integer> ends;
    private final SeenTokens seen;
    private int generated;

    ChoiceRules(GenerationRequest request, int choice, Set<Integer> endOfSequence) {
        this.request = request;
        this.choice = choice;
        this.ends = new HashSet<>(request.params().stopConditions().stopTokens());
        if (!request.params().stopConditions().ignoreEos()) {
            ends.addAll(endOfSequence);
        }
        this.seen =
                new SeenTokens(request.params().sampling().penalties().coverPrompt() ? request.prompt() : List.of());
    }

    TokenRule next() {
        Sampling sampling = request.params().sampling();
        double uniform = sampling.isGreedy() ? 0 : request.params().uniform(choice, generated);
        Set<Integer> banned = generated < request.params().stopConditions().minTokens() ? ends : Set.of();
        return new TokenRule(sampling, uniform, seen, banned, request.params().logprobs());
    }

    void chosen(int token) {
        generated++;
        if (!request.params().sampling().penalties().areOff()) {
            seen.generated(token);
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
