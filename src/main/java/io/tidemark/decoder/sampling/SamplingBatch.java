package io.tidemark.decoder.sampling;

import io.tidemark.decoder.sampling.SampledToken.Alternative;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The sampling inputs of a step's rows in the layout of {@code sampling.torchscript}, and the conversion of its result.
 * The size of the inputs depends on the rows' tokens and parameters, not on the vocabulary.
 */
public final class SamplingBatch {

    /** How the script samples a row, cheapest first. The rows with processed logits are in this order. */
    private enum Method {
        /** The most likely token; bias and penalties have no effect. */
        ARGMAX,
        /** The most likely token after bias and penalties. */
        GREEDY,
        FULL_VOCABULARY,
        TOP_K,
        TOP_P
    }

    private final List<TokenSampling> rows;
    /** Indices of the rows with processed logits, ordered by method. */
    private final List<Integer> processed;
    /** Indices of the rows that report log-probabilities. */
    private final List<Integer> reported;

    private final DoubleStream.Builder builder = DoubleStream.builder();
    private final long[] inputs;
    private long tokenCounts;
    private long biases;

    public SamplingBatch(List<TokenSampling> rows) {
        this.rows = rows;
        processed = indices()
                .filter(i -> method(rows.get(i)) != Method.ARGMAX)
                .boxed()
                .sorted(Comparator.comparing(i -> method(rows.get(i))))
                .toList();
        reported = indices().filter(i -> rows.get(i).top().isPresent()).boxed().toList();
        processed.forEach(this::addParams);
        IntStream.range(0, processed.size()).forEach(this::addTokenCounts);
        IntStream.range(0, processed.size()).forEach(this::addBiases);
        reported.forEach(builder::add);
        inputs = builder.build().mapToLong(Double::doubleToRawLongBits).toArray();
    }

    /** The bits of the inputs, which are float64 numbers. */
    public long[] inputs() {
        return inputs;
    }

    /** The sizes of the parts of the inputs and of the result. */
    public long[] sizes() {
        return new long[] {
            processed(Method.GREEDY),
            processed(Method.FULL_VOCABULARY),
            processed(Method.TOP_K),
            processed(Method.TOP_P),
            tokenCounts,
            biases,
            reported.size(),
            maxAlternatives()
        };
    }

    /** The token of each row, from the list of tensors that the script returns. */
    public List<SampledToken> tokens(Value result) {
        try (ValueScope scope = new ValueScope()) {
            List<Value> tensors = result.toList();
            tensors.forEach(scope::add);
            long[] ids = tensors.get(0).toLongs();
            List<SampledToken> tokens = new ArrayList<>();
            indices().forEach(i -> tokens.add(new SampledToken((int) ids[i], ids[rows.size() + i] != 0, 0, List.of())));
            if (!reported.isEmpty()) {
                addLogprobs(tokens, tensors.get(1).toFloats(), tensors.get(2), tensors.get(3));
            }
            return tokens;
        }
    }

    private void addLogprobs(List<SampledToken> tokens, float[] logprobs, Value topTokens, Value topLogprobs) {
        int width = maxAlternatives();
        long[] ids = width == 0 ? new long[0] : topTokens.toLongs();
        float[] values = width == 0 ? new float[0] : topLogprobs.toFloats();
        for (int i = 0; i < reported.size(); i++) {
            int start = i * width;
            int row = reported.get(i);
            List<Alternative> best = IntStream.range(
                            start, start + rows.get(row).top().orElseThrow())
                    .mapToObj(at -> new Alternative((int) ids[at], values[at]))
                    .toList();
            tokens.set(row, tokens.get(row).withLogprobs(logprobs[i], best));
        }
    }

    private static Method method(TokenSampling row) {
        SamplingParams params = row.params();
        if (params.isGreedy()) {
            boolean unchanged = params.penalties().areOff()
                    && params.logitBias().isEmpty()
                    && row.banned().isEmpty();
            return unchanged ? Method.ARGMAX : Method.GREEDY;
        }
        if (params.topK() > 0) {
            return Method.TOP_K;
        }
        return params.topP() < 1 ? Method.TOP_P : Method.FULL_VOCABULARY;
    }

    private void addParams(int row) {
        SamplingParams params = rows.get(row).params();
        DoubleStream.of(
                        row,
                        params.temperature(),
                        params.topP(),
                        params.topK(),
                        params.minP(),
                        params.penalties().repetition(),
                        params.penalties().presence(),
                        params.penalties().frequency(),
                        rows.get(row).uniform())
                .forEach(builder::add);
    }

    /** @param index the row's index among the rows with processed logits */
    private void addTokenCounts(int index) {
        TokenSampling row = rows.get(processed.get(index));
        Penalties penalties = row.params().penalties();
        if (!penalties.areOff()) {
            row.counts().forEach((token, count) -> {
                if (count > 0 || penalties.coverPrompt()) {
                    builder.add(index).add(token).add(count);
                    tokenCounts++;
                }
            });
        }
    }

    /** @param index the row's index among the rows with processed logits */
    private void addBiases(int index) {
        TokenSampling row = rows.get(processed.get(index));
        row.params()
                .logitBias()
                .forEach((token, bias) -> builder.add(index).add(token).add(bias));
        row.banned().forEach(token -> builder.add(index).add(token).add(Double.NEGATIVE_INFINITY));
        biases += row.params().logitBias().size() + row.banned().size();
    }

    private long processed(Method method) {
        return processed.stream().filter(i -> method(rows.get(i)) == method).count();
    }

    private int maxAlternatives() {
        return reported.stream()
                .mapToInt(i -> rows.get(i).top().orElseThrow())
                .max()
                .orElse(0);
    }

    private IntStream indices() {
        return IntStream.range(0, rows.size());
    }
}
