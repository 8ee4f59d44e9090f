package io.tidemark.model;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.Folders;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/** A fixture's model in one compute type, with adapters, and batches of rows that repeat. */
final class AdapterBatch implements AutoCloseable {

    private static final String FAMILY = "llama-gqa";
    private static final int LAYERS = 6;

    private final LanguageModel model;
    private final AdapterStore store;
    private final KvPool pool;

    AdapterBatch(Torch torch, ModelOptions options) {
        model = LanguageModel.load(Folders.model(FAMILY), FAMILY, torch, options);
        store = new AdapterStore(model);
        pool = new KvPool(model.decoder(), Long.MAX_VALUE);
    }

    /**
     * Of a prompt for each adapter, at boundaries from 6 down to 1 in turn, and of one without.
     *
     * @param adapters names of the fixture's adapters, and after a colon whatever tells two of the same tensors apart
     */
    List<float[]> logits(List<String> adapters) {
        List<Optional<String>> rows = new ArrayList<>(adapters.stream().map(Optional::of).toList());
        rows.add(Optional.empty());
        return logits(rows, i -> 10 + 9 * (i % 5));
    }

    /** The same of prompts of three tokens, and none without an adapter. */
    List<float[]> shortLogits(List<String> adapters) {
        return logits(adapters.stream().map(Optional::of).toList(), i -> 3 + i % 5);
    }

    private List<float[]> logits(List<Optional<String>> adapters, IntUnaryOperator end) {
        List<Integer> text = model.tokenizer().encodePrompt("The boundary layer of name[Blue Spice], eatType[coffee shop]. ".repeat(3));
        List<StepRow> rows = new ArrayList<>();
        List<KvSlot> slots = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            slots.add(pool.reserve(64).orElseThrow());
            rows.add(new StepRow(slots.get(i), text.subList(i % 5, end.applyAsInt(i)), 0, adapters.get(i).map(this::adapter),
                    LAYERS - i % LAYERS, Optional.of(TokenRule.GREEDY)));
        }
        List<float[]> logits = model.decoder().logits(rows);
        slots.forEach(pool::release);
        return logits;
    }

    boolean isStackingAdapters() {
        return model.decoder().isStackingAdapters();
    }

    boolean isJoined(List<String> adapters) {
        return model.decoder().isJoined(adapters.stream().map(this::adapter).toList());
    }

    /** A step of one row that wants no token. */
    List<TokenChoice> step(List<Integer> tokens) {
        StepRow piece = new StepRow(pool.reserve(64).orElseThrow(), tokens, 0, Optional.empty(), 0, Optional.empty());
        return model.decoder().step(List.of(piece));
    }

    private LoraWeights adapter(String name) {
        return store.find(name).orElseGet(() -> store.load(name, Folders.adapter(FAMILY, name.split(":")[0]))).weights();
    }

    /** The largest over the rows of {@code |a - b| / |b|}. */
    static double relativeError(List<float[]> a, List<float[]> b) {
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
