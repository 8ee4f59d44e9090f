package io.tidemark.decoder.sampling;

import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.sampling.TokenRule.Way;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The rules of a step's wanted rows, packed as {@code sampling.torchscript} documents it, and its answer as choices.
 * Their size depends on what rows have seen and ask for, never on the vocabulary.
 */
public final class TokenRules {

    private final List<TokenRule> rules;
    private final List<Integer> shaped;
    private final List<Integer> reported;
    private final DoubleStream.Builder packed = DoubleStream.builder();
    private long marks;
    private long biases;

    public TokenRules(List<StepRow> wanted) {
        rules = wanted.stream().map(row -> row.rule().orElseThrow()).toList();
        shaped = rows().filter(i -> rules.get(i).way() != Way.PLAIN)
                .boxed()
                .sorted(Comparator.comparing(i -> rules.get(i).way()))
                .toList();
        reported = rows().filter(i -> rules.get(i).top().isPresent()).boxed().toList();
        shaped.forEach(this::addRow);
        IntStream.range(0, shaped.size()).forEach(this::addMarks);
        IntStream.range(0, shaped.size()).forEach(this::addBiases);
        reported.forEach(packed::add);
    }

    /** The bits of the numbers. */
    public long[] packed() {
        return packed.build().mapToLong(Double::doubleToRawLongBits).toArray();
    }

    public long[] counts() {
        return new long[] {
            shaped(Way.GREEDY),
            shaped(Way.FREE),
            shaped(Way.TOP_K),
            shaped(Way.TOP_P),
            marks,
            biases,
            reported.size(),
            mostAlternatives()
        };
    }

    public List<TokenChoice> choices(Value answer) {
        try (ValueScope open = new ValueScope()) {
            List<Value> parts = answer.toList();
            parts.forEach(open::add);
            long[] tokens = parts.get(0).toLongs();
            List<TokenChoice> choices = new ArrayList<>();
            rows().forEach(i ->
                    choices.add(new TokenChoice((int) tokens[i], tokens[rules.size() + i] != 0, 0, List.of())));
            if (!reported.isEmpty()) {
                addReports(choices, parts.get(1).toFloats(), parts.get(2), parts.get(3));
            }
            return choices;
        }
    }

    private void addReports(List<TokenChoice> choices, float[] logprobs, Value topTokens, Value topLogprobs) {
        int width = mostAlternatives();
        long[] tokens = width == 0 ? new long[0] : topTokens.toLongs();
        float[] values = width == 0 ? new float[0] : topLogprobs.toFloats();
        for (int i = 0; i < reported.size(); i++) {
            int start = i * width;
            int row = reported.get(i);
            List<TokenChoice.Alternative> best = IntStream.range(
                            start, start + rules.get(row).top().orElseThrow())
                    .mapToObj(at -> new TokenChoice.Alternative((int) tokens[at], values[at]))
                    .toList();
            choices.set(row, choices.get(row).reported(logprobs[i], best));
        }
    }

    private void addRow(int row) {
        Sampling s = rules.get(row).sampling();
        DoubleStream.of(
                        row,
                        s.temperature(),
                        s.topP(),
                        s.topK(),
                        s.minP(),
                        s.penalties().repetition(),
                        s.penalties().presence(),
                        s.penalties().frequency(),
                        rules.get(row).uniform())
                .forEach(packed::add);
    }

    private void addMarks(int place) {
        TokenRule rule = rules.get(shaped.get(place));
        Penalties penalties = rule.sampling().penalties();
        if (!penalties.areOff()) {
            rule.seen().forEach((token, times) -> {
                if (times > 0 || penalties.coverPrompt()) {
                    packed.add(place).add(token).add(times);
                    marks++;
                }
            });
        }
    }

    private void addBiases(int place) {
        TokenRule rule = rules.get(shaped.get(place));
        rule.sampling()
                .logitBias()
                .forEach((token, bias) -> packed.add(place).add(token).add(bias));
        rule.banned().forEach(token -> packed.add(place).add(token).add(Double.NEGATIVE_INFINITY));
        biases += rule.sampling().logitBias().size() + rule.banned().size();
    }

    private long shaped(Way way) {
        return shaped.stream().filter(i -> rules.get(i).way() == way).count();
    }

    private int mostAlternatives() {
        return reported.stream()
                .mapToInt(i -> rules.get(i).top().orElseThrow())
                .max()
                .orElse(0);
    }

    private IntStream rows() {
        return IntStream.range(0, rules.size());
    }
}
