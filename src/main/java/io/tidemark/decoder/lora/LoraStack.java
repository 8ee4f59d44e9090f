package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.NEW_STACK;
import static io.tidemark.decoder.script.DecoderMethod.SET_PLACE;
import static io.tidemark.decoder.script.DecoderMethod.STACK_PLACE_BYTES;
import static io.tidemark.decoder.script.DecoderMethod.STACK_TAKES;

import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Copies of the adapters of recent steps, side by side in the tensors of {@code lora_stack.torchscript}: a GPU
 * multiplies with all of them in one kernel. An adapter has a place until a step needs it for another one.
 *
 * <p>Used by one thread at a time, except for {@link #limit}.
 */
public final class LoraStack implements AutoCloseable {

    private final Torch torch;
    private final Script script;
    private volatile long limit = Long.MAX_VALUE;
    private long step;
    private Optional<Value> tensors = Optional.empty();
    private Place[] places = {};

    /**
     * What a place holds.
     *
     * @param lastStep the last step that used it
     */
    private record Place(Optional<LoraWeights> weights, long lastStep) {

        private static final Place FREE = new Place(Optional.empty(), 0);

        boolean holds(LoraWeights other) {
            return weights.isPresent() && weights.get() == other;
        }
    }

    /** @param script the decoder's script */
    public LoraStack(Torch torch, Script script) {
        this.torch = torch;
        this.script = script;
    }

    /** Limits the memory of the stack from the next step on that needs a larger one. */
    public void limit(long bytes) {
        limit = bytes;
    }

    /** The {@code LoraStack} of the script. Valid until the next {@link #take}. */
    public Value tensors() {
        return tensors.orElseThrow();
    }

    /**
     * The places of a step's adapters. If the limit does not allow a place for each of them, the last ones have none.
     *
     * @param adapters distinct adapters without DoRA, at least one
     * @throws io.tidemark.torch.ScriptException if the device is out of memory; the stack is then empty
     */
    public Map<LoraWeights, Integer> take(List<LoraWeights> adapters) {
        step++;
        if (places.length < adapters.size() || !adapters.stream().allMatch(this::fits)) {
            grow(adapters);
        }
        List<LoraWeights> placed = adapters.subList(0, Math.min(adapters.size(), places.length));
        Map<LoraWeights, Integer> taken = new HashMap<>();
        for (LoraWeights weights : placed) {
            place(weights).ifPresent(place -> taken.put(weights, place));
        }
        for (LoraWeights weights : placed) {
            taken.computeIfAbsent(weights, this::copy);
        }
        return taken;
    }

    private Optional<Integer> place(LoraWeights weights) {
        Optional<Integer> place = IntStream.range(0, places.length)
                .filter(i -> places[i].holds(weights))
                .boxed()
                .findFirst();
        place.ifPresent(i -> places[i] = new Place(Optional.of(weights), step));
        return place;
    }

    /** Copies an adapter to the place that has not been used for the longest time. */
    private int copy(LoraWeights weights) {
        int oldest = 0;
        for (int i = 1; i < places.length; i++) {
            if (places[i].lastStep() < places[oldest].lastStep()) {
                oldest = i;
            }
        }
        places[oldest] = Place.FREE;
        try (Value place = torch.number(oldest)) {
            script.call(SET_PLACE, tensors(), place, weights.tensors()).close();
        }
        places[oldest] = new Place(Optional.of(weights), step);
        return oldest;
    }

    private boolean fits(LoraWeights weights) {
        if (place(weights).isPresent()) {
            return true;
        }
        return tensors.isPresent() && flag(STACK_TAKES, tensors.get(), weights.tensors());
    }

    /** Replaces the stack by an empty one with places for these adapters, as many as the limit allows. */
    private void grow(List<LoraWeights> adapters) {
        close();
        try (Value list = torch.list(adapters.stream().map(LoraWeights::tensors).toList())) {
            long bytes;
            try (Value number = script.call(STACK_PLACE_BYTES, list)) {
                bytes = Math.max(1, number.toNumber());
            }
            int count = (int) Math.min(limit / bytes, capacity(adapters.size()));
            if (count > 0) {
                try (Value number = torch.number(count)) {
                    tensors = Optional.of(script.call(NEW_STACK, list, number));
                }
                places = new Place[count];
                Arrays.fill(places, Place.FREE);
            }
        }
    }

    /** Powers of two and the means of two successive ones, so that a growing number of adapters rarely grows it. */
    private static int capacity(int adapters) {
        int power = Integer.highestOneBit(Math.max(2, adapters - 1));
        return adapters <= power ? power : adapters <= power / 2 * 3 ? power / 2 * 3 : power * 2;
    }

    private boolean flag(DecoderMethod method, Value... arguments) {
        try (Value flag = script.call(method, arguments)) {
            return flag.toFlag();
        }
    }

    /** Frees the memory of the stack. */
    @Override
    public void close() {
        tensors.ifPresent(Value::close);
        tensors = Optional.empty();
        places = new Place[0];
    }
}
