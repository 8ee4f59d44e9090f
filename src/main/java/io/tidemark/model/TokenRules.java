package io.tidemark.model;

import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** The rules of a step's wanted rows as {@code sampling.torchscript} takes them, and its answer as choices. */
final class TokenRules {

    private final List<TokenRule> rules;

    TokenRules(List<StepRow> wanted) {
        this.rules = wanted.stream().map(row -> row.rule().orElseThrow()).toList();
    }

    /** Six numbers a row: temperature, top p, top k, min p, repetition penalty, uniform. */
    double[] knobs() {
        return rules.stream().flatMapToDouble(rule -> {
            Sampling s = rule.sampling();
            return DoubleStream.of(s.temperature(), s.topP(), s.topK(), s.minP(), s.repetitionPenalty(), rule.uniform());
        }).toArray();
    }

    long[] sampledRows() {
        return IntStream.range(0, rules.size()).filter(i -> !rules.get(i).sampling().isGreedy()).asLongStream().toArray();
    }

    /** All rows of pairs, then all their tokens. */
    long[] penalisedPairs() {
        LongList rows = new LongList();
        LongList tokens = new LongList();
        for (int i = 0; i < rules.size(); i++) {
            if (rules.get(i).sampling().repetitionPenalty() != 1) {
                for (int token : rules.get(i).seen()) {
                    rows.add(i);
                    tokens.add(token);
                }
            }
        }
        return LongStream.concat(Arrays.stream(rows.toArray()), Arrays.stream(tokens.toArray())).toArray();
    }

    /** The most alternatives that any row wants; -1 when none wants log-probabilities. */
    int top() {
        return rules.stream().filter(rule -> rule.top().isPresent()).mapToInt(rule -> rule.top().getAsInt()).max().orElse(-1);
    }

    List<TokenChoice> choices(Value answer) {
        try (OpenValues open = new OpenValues()) {
            List<Value> parts = answer.toList();
            parts.forEach(open::add);
            long[] tokens = parts.get(0).toLongs();
            long[] finite = parts.get(1).toLongs();
            float[] logprobs = top() < 0 ? new float[rules.size()] : parts.get(2).toFloats();
            long[] topTokens = top() < 1 ? new long[0] : parts.get(3).toLongs();
            float[] topLogprobs = top() < 1 ? new float[0] : parts.get(4).toFloats();
            List<TokenChoice> choices = new ArrayList<>();
            for (int i = 0; i < rules.size(); i++) {
                choices.add(new TokenChoice((int) tokens[i], finite[i] != 0, logprobs[i], alternatives(i, topTokens, topLogprobs)));
            }
            return choices;
        }
    }

    private List<TokenChoice.Alternative> alternatives(int row, long[] tokens, float[] logprobs) {
        int start = row * Math.max(0, top());
        return IntStream.range(start, start + rules.get(row).top().orElse(0))
                .mapToObj(i -> new TokenChoice.Alternative((int) tokens[i], logprobs[i])).toList();
    }
}
