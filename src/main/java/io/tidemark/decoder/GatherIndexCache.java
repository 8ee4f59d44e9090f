package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.LORA;

import io.tidemark.decoder.StepPlan.LoraLayout;
import io.tidemark.decoder.script.DecoderException;
import io.tidemark.torch.ScriptException;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.List;
import java.util.Optional;

/**
 * Caches the gather indices of packed groups from one step to the next. Consecutive decode steps mostly have the same
 * layout of rows and groups, and computing the indices costs as much as the LoRA of some layers. The cache keeps the
 * groups of the last step in memory, but no tensors of unpacked adapters.
 */
final class GatherIndexCache implements AutoCloseable {

    private final DecoderContext context;
    private Optional<LoraLayout> last = Optional.empty();
    private Optional<Value> cached = Optional.empty();

    GatherIndexCache(DecoderContext context) {
        this.context = context;
    }

    /**
     * The gather indices of a step, as a list that the caller closes; empty if they are not cached. They are computed
     * for the second step in a row with the same layout, if all LoRA of the step is packed.
     *
     * @throws DecoderException if libtorch could not compute them
     */
    synchronized Optional<Value> forStep(StepPlan plan) {
        Optional<LoraLayout> layout = plan.isPackedOnly() ? Optional.of(plan.loraLayout()) : Optional.empty();
        if (!layout.equals(last)) {
            close();
            last = layout;
        } else if (layout.isPresent() && cached.isEmpty()) {
            cached = Optional.of(compute(plan));
        }
        return cached.map(value -> context.torch().list(List.of(value)));
    }

    private Value compute(StepPlan plan) {
        Torch torch = context.torch();
        try (ValueScope scope = new ValueScope()) {
            Value tokens = scope.add(torch.number(plan.tokens()));
            Value spans = scope.add(torch.numberLists(plan.loraNumbers()));
            Value adapters = StepArguments.adapters(context, plan, scope);
            Value groups = StepArguments.packedGroups(context, plan, scope);
            return context.script().call(LORA, tokens, spans, adapters, groups);
        } catch (ScriptException e) {
            throw new DecoderException(e);
        }
    }

    @Override
    public synchronized void close() {
        cached.ifPresent(Value::close);
        cached = Optional.empty();
    }
}
