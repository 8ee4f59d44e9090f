package io.tidemark.decoder;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SampledToken;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.Folders;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A fixture model in one compute type with adapters, and repeatable batches of rows. */
public final class AdapterBatch implements AutoCloseable {

    private static final String FAMILY = "llama-gqa";

    private final String family;
    private final int layers;
    private final LanguageModel model;
    private final AdapterStore store;
    private final KvPool pool;

    public AdapterBatch(Torch torch, ModelOptions options) {
        this(torch, options, FAMILY);
    }

    public AdapterBatch(Torch torch, ModelOptions options, String family) {
        this.family = family;
        model = LanguageModel.load(Folders.model(family), family, torch, options);
        layers = model.config().numLayers();
        store = new AdapterStore(model);
        pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE);
    }

    /**
     * Logits of one prompt per adapter, with boundaries from the highest down to 1 in turn, and of one without adapter.
     *
     * @param adapters names of the fixture's adapters; a suffix after a colon distinguishes copies
     */
    public List<float[]> logits(List<String> adapters) {
        List<Optional<String>> rows =
                new ArrayList<>(adapters.stream().map(Optional::of).toList());
        rows.add(Optional.empty());
        return logits(rows, i -> 5 + 4 * (i % 5));
    }

    /** Like {@link #logits}, with prompts of three tokens and without the last prompt. */
    public List<float[]> shortLogits(List<String> adapters) {
        return logits(adapters.stream().map(Optional::of).toList(), i -> 3 + i % 5);
    }

    /** Logits of the next token of each such prompt, in one decode step. */
    public List<float[]> decodedLogits(List<String> adapters) {
        List<Optional<String>> rows = adapters.stream().map(Optional::of).toList();
        List<KvSlot> slots = reserved(rows.size());
        IntUnaryOperator end = i -> 10 + 9 * (i % 5);
        model.decoder().logits(rows(rows, slots, AdapterBatch::start, end));
        return logits(rows, slots, end, i -> end.applyAsInt(i) + 1);
    }

    private List<float[]> logits(List<Optional<String>> adapters, IntUnaryOperator end) {
        return logits(adapters, reserved(adapters.size()), AdapterBatch::start, end);
    }

    private List<KvSlot> reserved(int count) {
        return Stream.generate(() -> pool.reserve(64).orElseThrow())
                .limit(count)
                .toList();
    }

    private List<float[]> logits(
            List<Optional<String>> adapters, List<KvSlot> slots, IntUnaryOperator from, IntUnaryOperator to) {
        List<float[]> logits = model.decoder().logits(rows(adapters, slots, from, to));
        slots.forEach(pool::release);
        return logits;
    }

    /** Index in the text of the first token of a row's prompt. */
    private static int start(int row) {
        return row % 5;
    }

    /** Tokens {@code from .. to - 1} of the text. */
    private List<StepRow> rows(
            List<Optional<String>> adapters, List<KvSlot> slots, IntUnaryOperator from, IntUnaryOperator to) {
        List<Integer> text = model.tokenizer()
                .encodePrompt("The boundary layer of name[Blue Spice], eatType[coffee shop]. ".repeat(3));
        return IntStream.range(0, adapters.size())
                .mapToObj(i -> new StepRow(
                        slots.get(i),
                        text.subList(from.applyAsInt(i), to.applyAsInt(i)),
                        from.applyAsInt(i) - start(i),
                        adapters.get(i).map(this::adapter),
                        new Boundary(layers - i % layers),
                        Optional.of(TokenSampling.greedy())))
                .toList();
    }

    /** A step with one row and without sampling. */
    public List<SampledToken> step(List<Integer> tokens) {
        StepRow row = new StepRow(
                pool.reserve(64).orElseThrow(), tokens, 0, Optional.empty(), new Boundary(0), Optional.empty());
        return model.decoder().step(List.of(row));
    }

    private LoraWeights adapter(String name) {
        return store.find(name)
                .orElseGet(() -> store.load(name, Folders.adapter(family, name.split(":")[0])))
                .weights();
    }

    /** The largest over the rows of {@code |a - b| / |b|}. */
    public static double relativeError(List<float[]> a, List<float[]> b) {
        double largest = 0;
        for (int row = 0; row < a.size(); row++) {
            double difference = 0;
            double size = 0;
            for (int i = 0; i < a.get(row).length; i++) {
                difference += Math.pow(a.get(row)[i] - b.get(row)[i], 2);
                size += Math.pow(b.get(row)[i], 2);
            }
            largest = Math.max(largest, Math.sqrt(difference / size));
        }
        return largest;
    }

    @Override
    public void close() {
        pool.close();
        store.close();
        model.close();
    }
}
