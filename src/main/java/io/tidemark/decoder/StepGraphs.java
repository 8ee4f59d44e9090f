package io.tidemark.decoder;

import io.tidemark.decoder.attention.AttentionPlan;
import io.tidemark.decoder.script.DecoderLayouts.CallField;
import io.tidemark.decoder.script.DecoderLayouts.GraphField;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.decoder.script.DecoderScript;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptException;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Which steps run as CUDA graphs. All steps are alike that have the same caches, adapters and numbers, except for those
 * of the plan, which are on the device: tokens, positions, and the places of adapters in the stack. The second of two
 * alike steps with one token for each row is captured, and the later ones replay its graph.
 *
 * <p>Not thread-safe.
 */
final class StepGraphs implements AutoCloseable {

    /** A step without a graph. */
    static final long[] NO_GRAPH = {};

    /** How many graphs are kept; the one that was not used for the longest time is replaced. */
    static final int MAX_GRAPHS = 64;

    private static final System.Logger LOG = System.getLogger(StepGraphs.class.getName());
    private static final int MAX_SEEN = 4 * MAX_GRAPHS;
    private static final int NOT_CAPTURED = -1;

    private final Torch torch;
    private final Script script;
    private final long pool;
    /** The slot of each kind of step, or {@link #NOT_CAPTURED} after its first step; the last used is the last. */
    private final Map<List<Object>, Integer> slots = new LinkedHashMap<>(16, 0.75f, true);

    private final Deque<Integer> free =
            new ArrayDeque<>(IntStream.range(0, MAX_GRAPHS).boxed().toList());
    /** The kind of the latest step, if it was captured. */
    private Optional<List<Object>> capturing = Optional.empty();

    StepGraphs(Torch torch, Script script) {
        this.torch = torch;
        this.script = script;
        try (Value number = script.call(DecoderMethod.NEW_GRAPH_POOL)) {
            this.pool = number.toNumber();
        }
    }

    /**
     * The graph that the next step must use, by {@link GraphField}, or {@link #NO_GRAPH}.
     *
     * @param sizes of the parts of the plan
     */
    long[] graph(StepPlan plan, AttentionPlan attention, StackPlan.Numbers stacked, long[] sizes) {
        capturing = Optional.empty();
        if (!plan.isDecoding()) {
            return NO_GRAPH;
        }
        List<Object> kind = kind(plan, attention, stacked, sizes);
        Integer slot = slots.get(kind);
        if (slot == null) {
            slots.put(kind, NOT_CAPTURED);
            limit();
            return NO_GRAPH;
        }
        if (slot != NOT_CAPTURED) {
            return numbers(slot, true);
        }
        int next = free.isEmpty() ? replaced() : free.pop();
        slots.put(kind, next);
        capturing = Optional.of(kind);
        return numbers(next, false);
    }

    private long[] numbers(int slot, boolean isCaptured) {
        long[] numbers = new long[GraphField.values().length];
        numbers[GraphField.POOL.ordinal()] = pool;
        numbers[GraphField.SLOT.ordinal()] = slot;
        numbers[GraphField.CAPTURED.ordinal()] = isCaptured ? 1 : 0;
        return numbers;
    }

    /** What the kernels of a step depend on, except the content of tensors. */
    private static List<Object> kind(StepPlan plan, AttentionPlan attention, StackPlan.Numbers stacked, long[] sizes) {
        List<long[]> calls = plan.attentionNumbers(attention);
        // a graph takes the position from the plan
        calls.forEach(call -> call[CallField.ONLY_POSITION.ordinal()] = DecoderScript.NONE);
        return List.of(
                lists(List.of(sizes)),
                plan.blocks(),
                lists(calls),
                plan.stack(),
                lists(stacked.layers()),
                plan.loraSpans(),
                plan.overrideSpans());
    }

    private static List<List<Long>> lists(List<long[]> numbers) {
        return numbers.stream()
                .map(each -> Arrays.stream(each).boxed().toList())
                .toList();
    }

    /** Forgets kinds of steps that were not captured. */
    private void limit() {
        if (slots.size() > MAX_SEEN) {
            List<Object> oldest = slots.entrySet().stream()
                    .filter(kind -> kind.getValue() == NOT_CAPTURED)
                    .findFirst()
                    .orElseThrow()
                    .getKey();
            slots.remove(oldest);
        }
    }

    /** The slot of the captured kind of step that was not used for the longest time. */
    private int replaced() {
        List<Object> oldest = slots.entrySet().stream()
                .filter(kind -> kind.getValue() != NOT_CAPTURED)
                .findFirst()
                .orElseThrow()
                .getKey();
        return slots.remove(oldest);
    }

    /** Ends the capture of a step that has failed. */
    void abandon() {
        capturing.ifPresent(kind -> free.push(slots.remove(kind)));
        capturing = Optional.empty();
        callWithPool(DecoderMethod.ABANDON_GRAPH);
    }

    /** Frees the graphs. */
    @Override
    public void close() {
        callWithPool(DecoderMethod.CLOSE_GRAPH_POOL);
    }

    private void callWithPool(DecoderMethod method) {
        try (Value number = torch.number(pool)) {
            script.call(method, number).close();
        } catch (ScriptException e) {
            LOG.log(System.Logger.Level.WARNING, method.method() + " failed; CUDA graphs may stay in memory", e);
        }
    }
}
