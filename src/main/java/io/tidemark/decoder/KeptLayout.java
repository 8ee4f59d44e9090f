package io.tidemark.decoder;

import io.tidemark.decoder.StepLora.Layout;
import io.tidemark.torch.ScriptFailed;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.List;
import java.util.Optional;

/**
 * Keeps which rows use what of the stacks from one step to the next: rows that decode side by side stay what they are for many
 * steps, and finding it out anew costs each of them as much as some layers' LoRA. It holds the stacks of the last step, but
 * no adapter's own tensors.
 */
final class KeptLayout implements AutoCloseable {

    private final DecoderParts parts;
    private Optional<Layout> last = Optional.empty();
    private Optional<Value> kept = Optional.empty();

    KeptLayout(DecoderParts parts) {
        this.parts = parts;
    }

    /**
     * What was kept for such a step, as a list for the script, which the caller closes. It is made for the second such step in a
     * row.
     *
     * @throws DecoderFailed when libtorch could not make it
     */
    synchronized Optional<Value> forStep(StepLora lora) {
        Optional<Layout> layout = Optional.of(lora.layout()).filter(any -> lora.isOnlyStacked());
        if (!layout.equals(last)) {
            close();
            last = layout;
        } else if (layout.isPresent() && kept.isEmpty()) {
            kept = Optional.of(made(lora));
        }
        return kept.map(value -> parts.torch().list(List.of(value)));
    }

    private Value made(StepLora lora) {
        Torch torch = parts.torch();
        try (Value tokens = torch.number(lora.layout().tokens());
                Value bounds = torch.numberLists(lora.bounds());
                Value none = torch.list(List.of(parts.noAdapter().tensors()));
                Value stacks = torch.list(lora.stacks())) {
            return parts.script().call("adapters_of", tokens, bounds, none, stacks);
        } catch (ScriptFailed e) {
            throw new DecoderFailed(e);
        }
    }

    @Override
    public synchronized void close() {
        kept.ifPresent(Value::close);
        kept = Optional.empty();
    }
}
