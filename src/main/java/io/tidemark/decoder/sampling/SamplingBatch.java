package io.tidemark.decoder.sampling;

import io.tidemark.decoder.sampling.SampledToken.TopToken;
import io.tidemark.decoder.script.DecoderLayouts.BiasColumn;
import io.tidemark.decoder.script.DecoderLayouts.CountColumn;
import io.tidemark.decoder.script.DecoderLayouts.MaskColumn;
import io.tidemark.decoder.script.DecoderLayouts.ParamColumn;
import io.tidemark.decoder.script.DecoderLayouts.SampledPart;
import io.tidemark.decoder.script.DecoderLayouts.SamplingPart;
import io.tidemark.decoder.script.DecoderLayouts.SamplingSize;
import io.tidemark.decoder.script.PartList;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The sampling inputs of a step's rows as {@code sampling.torchscript} takes them, and the conversion of its result.
 * The size of the inputs depends on the rows' tokens and parameters, not on the vocabulary.
 */
public final class SamplingBatch {

    /** How the script samples a row, cheapest first. The rows with processed logits are in this order. */
    private enum Method {
        /** The most likely token; bias and penalties have no effect. */
        ARGMAX,
        /** The most likely token of the mask; bias and penalties have no effect. */
        MASKED_ARGMAX,
        /** The most likely token after bias and penalties, and of the mask. */
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

    /** The masks of the rows that have one. */
    private final Optional<TokenMasks> masks;

    private final PartList<SamplingPart> inputs = new PartList<>(SamplingPart.class);

    /** @throws IllegalArgumentException if rows have masks of different {@link TokenMasks} */
    public SamplingBatch(List<TokenSampling> rows) {
        this.rows = rows;
        masks = masks(rows);
        processed = indices()
                .filter(i -> method(rows.get(i)).compareTo(Method.MASKED_ARGMAX) > 0)
                .boxed()
                .sorted(Comparator.comparing(i -> method(rows.get(i))))
                .toList();
        reported = indices().filter(i -> rows.get(i).top().isPresent()).boxed().toList();
        DoubleStream.Builder params = DoubleStream.builder();
        DoubleStream.Builder tokenCounts = DoubleStream.builder();
        DoubleStream.Builder biases = DoubleStream.builder();
        DoubleStream.Builder masked = DoubleStream.builder();
        for (int index = 0; index < processed.size(); index++) {
            int row = processed.get(index);
            addParams(params, row, rows.get(row));
            addTokenCounts(tokenCounts, index, rows.get(row));
            addBiases(biases, index, rows.get(row));
            addMask(masked, index, rows.get(row));
        }
        DoubleStream.Builder maskedArgmax = DoubleStream.builder();
        indices()
                .filter(i -> method(rows.get(i)) == Method.MASKED_ARGMAX)
                .forEach(i -> addMask(maskedArgmax, i, rows.get(i)));
        inputs.set(SamplingPart.PARAMS, bits(params.build()));
        inputs.set(SamplingPart.TOKEN_COUNTS, bits(tokenCounts.build()));
        inputs.set(SamplingPart.BIASES, bits(biases.build()));
        inputs.set(SamplingPart.MASKED, bits(masked.build()));
        inputs.set(SamplingPart.MASKED_ARGMAX, bits(maskedArgmax.build()));
        inputs.set(SamplingPart.REPORTS, bits(reported.stream().mapToDouble(Integer::doubleValue)));
    }

    /** The bits of the inputs, which are float64 numbers. */
    public PartList<SamplingPart> inputs() {
        return inputs;
    }

    /** The masks that {@link MaskColumn#MASK} counts, one after another in a direct buffer; empty without masks. */
    public Optional<ByteBuffer> masks() {
        return masks.map(TokenMasks::bytes);
    }

    private static Optional<TokenMasks> masks(List<TokenSampling> rows) {
        List<TokenMasks> all = rows.stream()
                .flatMap(row -> row.mask().stream())
                .map(TokenMasks.Mask::masks)
                .distinct()
                .toList();
        if (all.size() > 1) {
            throw new IllegalArgumentException("the masks of a step must be in one TokenMasks, not " + all.size());
        }
        return all.stream().findFirst();
    }

    /**
     * How many rows are sampled in which way, a {@link SamplingSize} list.
     *
     * @param whole whether a GPU samples with top-k and top-p among the whole vocabulary
     */
    public long[] sizes(boolean whole) {
        long[] sizes = new long[SamplingSize.values().length];
        sizes[SamplingSize.GREEDY.ordinal()] = processed(Method.GREEDY);
        sizes[SamplingSize.FULL_VOCABULARY.ordinal()] = processed(Method.FULL_VOCABULARY);
        sizes[SamplingSize.TOP_K.ordinal()] = processed(Method.TOP_K);
        sizes[SamplingSize.TOP_P.ordinal()] = processed(Method.TOP_P);
        sizes[SamplingSize.ALTERNATIVES.ordinal()] = maxAlternatives();
        sizes[SamplingSize.WHOLE.ordinal()] = whole ? 1 : 0;
        return sizes;
    }

    /** Whether all tokens are final, from what the script returns: the parts of {@link SampledPart}. */
    public boolean isCertain(double[] numbers) {
        return Arrays.stream(numbers, start(SampledPart.CERTAIN), start(SampledPart.LOGPROBS))
                .allMatch(certain -> certain != 0);
    }

    /** The token of each row, from what the script returns: the parts of {@link SampledPart}. */
    public List<SampledToken> tokens(double[] numbers) {
        List<SampledToken> tokens = new ArrayList<>();
        indices()
                .forEach(i -> tokens.add(
                        new SampledToken((int) numbers[i], numbers[start(SampledPart.FINITE) + i] != 0, 0, List.of())));
        for (int i = 0; i < reported.size(); i++) {
            int row = reported.get(i);
            int first = i * maxAlternatives();
            List<TopToken> best = IntStream.range(
                            first, first + rows.get(row).top().orElseThrow())
                    .mapToObj(at -> new TopToken((int) numbers[start(SampledPart.TOP_TOKENS) + at], (float)
                            numbers[start(SampledPart.TOP_LOGPROBS) + at]))
                    .toList();
            tokens.set(row, tokens.get(row).withLogprobs((float) numbers[start(SampledPart.LOGPROBS) + i], best));
        }
        return tokens;
    }

    /** Where a part begins among the numbers that the script returns. */
    private int start(SampledPart part) {
        int alternatives = reported.size() * maxAlternatives();
        return switch (part) {
            case TOKENS -> 0;
            case FINITE -> rows.size();
            case CERTAIN -> 2 * rows.size();
            case LOGPROBS -> 3 * rows.size();
            case TOP_TOKENS -> 3 * rows.size() + reported.size();
            case TOP_LOGPROBS -> 3 * rows.size() + reported.size() + alternatives;
        };
    }

    private static Method method(TokenSampling row) {
        SamplingParams params = row.params();
        if (params.isGreedy()) {
            boolean unchanged = params.penalties().areOff()
                    && params.logitBias().isEmpty()
                    && row.banned().isEmpty();
            if (!unchanged) {
                return Method.GREEDY;
            }
            return row.mask().isPresent() ? Method.MASKED_ARGMAX : Method.ARGMAX;
        }
        if (params.topK() > 0) {
            return Method.TOP_K;
        }
        return params.topP() < 1 ? Method.TOP_P : Method.FULL_VOCABULARY;
    }

    private static void addParams(DoubleStream.Builder all, int row, TokenSampling sampling) {
        SamplingParams params = sampling.params();
        double[] columns = new double[ParamColumn.values().length];
        columns[ParamColumn.ROW.ordinal()] = row;
        columns[ParamColumn.TEMPERATURE.ordinal()] = params.temperature();
        columns[ParamColumn.TOP_P.ordinal()] = params.topP();
        columns[ParamColumn.TOP_K.ordinal()] = params.topK();
        columns[ParamColumn.MIN_P.ordinal()] = params.minP();
        columns[ParamColumn.REPETITION.ordinal()] = params.penalties().repetition();
        columns[ParamColumn.PRESENCE.ordinal()] = params.penalties().presence();
        columns[ParamColumn.FREQUENCY.ordinal()] = params.penalties().frequency();
        columns[ParamColumn.UNIFORM.ordinal()] = sampling.uniform();
        add(all, columns);
    }

    /** @param index the row's index among the rows with processed logits */
    private static void addTokenCounts(DoubleStream.Builder all, int index, TokenSampling row) {
        Penalties penalties = row.params().penalties();
        if (penalties.areOff()) {
            return;
        }
        double[] columns = new double[CountColumn.values().length];
        columns[CountColumn.INDEX.ordinal()] = index;
        row.counts().forEach((token, count) -> {
            if (count > 0 || penalties.coverPrompt()) {
                columns[CountColumn.TOKEN.ordinal()] = token;
                columns[CountColumn.VALUE.ordinal()] = count;
                add(all, columns);
            }
        });
    }

    /** @param index the row's index among the rows with processed logits */
    private static void addBiases(DoubleStream.Builder all, int index, TokenSampling row) {
        row.params().logitBias().forEach((token, bias) -> addBias(all, index, token, bias));
        row.banned().forEach(token -> addBias(all, index, token, Double.NEGATIVE_INFINITY));
    }

    /** @param index the row's index among the rows with processed logits, or among all rows */
    private static void addMask(DoubleStream.Builder all, int index, TokenSampling row) {
        row.mask().ifPresent(mask -> {
            double[] columns = new double[MaskColumn.values().length];
            columns[MaskColumn.INDEX.ordinal()] = index;
            columns[MaskColumn.MASK.ordinal()] = mask.row();
            add(all, columns);
        });
    }

    private static void addBias(DoubleStream.Builder all, int index, int token, double bias) {
        double[] columns = new double[BiasColumn.values().length];
        columns[BiasColumn.INDEX.ordinal()] = index;
        columns[BiasColumn.TOKEN.ordinal()] = token;
        columns[BiasColumn.VALUE.ordinal()] = bias;
        add(all, columns);
    }

    private static void add(DoubleStream.Builder all, double[] columns) {
        for (double column : columns) {
            all.add(column);
        }
    }

    private static long[] bits(DoubleStream numbers) {
        return numbers.mapToLong(Double::doubleToRawLongBits).toArray();
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
