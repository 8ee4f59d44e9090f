package io.tidemark.decoder;

import io.tidemark.decoder.kvcache.KvBlock;
import io.tidemark.decoder.lora.LoraPlaces;
import io.tidemark.decoder.weights.DecoderScript;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import io.tidemark.torch.ValueScope;
import java.util.ArrayList;
import java.util.List;

/** The values of one call of {@code step}; closing it frees them. */
final class StepArguments implements AutoCloseable {

    private final DecoderParts parts;
    private final ValueScope open = new ValueScope();
    private final List<Value> fromPlan;
    private final StepPlan plan;
    private final StepLora lora;
    private final KeptLayout kept;

    StepArguments(DecoderParts parts, StepPlan plan, LoraPlaces places, KeptLayout kept) {
        this.parts = parts;
        Torch torch = parts.torch();
        this.plan = plan;
        this.lora = new StepLora(parts, plan, places);
        this.kept = kept;
        Value packed = open.add(torch.numbers(plan.packed()));
        Value tokens = open.add(torch.number(plan.tokens()));
        Value wanted = open.add(torch.number(plan.wanted().size()));
        Value attended = open.add(torch.number(plan.attended()));
        Value moved = open.add(torch.flag(plan.isMoved()));
        Value units = open.add(torch.numberLists(plan.units().stream()
                .map(unit -> unit.numbers(plan.blocks().indexOf(unit.block())))
                .toList()));
        Value caches = list(plan.blocks().stream().map(KvBlock::cache).toList());
        fromPlan = List.of(packed, tokens, wanted, attended, moved, units, caches);
    }

    /** All arguments in the script's order: the plan's, the adapters' LoRA, what else they change, then what is given last. */
    Value[] with(Value... last) {
        List<Value> all = new ArrayList<>(fromPlan);
        all.add(open.add(parts.torch().numberLists(lora.bounds())));
        all.addAll(kept.forStep(lora).map(this::kept).orElseGet(this::anew));
        all.add(open.add(parts.torch().numberLists(runBounds())));
        all.add(list(own()));
        all.addAll(List.of(last));
        return all.toArray(Value[]::new);
    }

    private List<Value> kept(Value layout) {
        return List.of(list(List.of(parts.noAdapter().tensors())), list(List.of(parts.noStack())), open.add(layout));
    }

    private List<Value> anew() {
        return List.of(list(lora.adapters()), list(lora.stacks()), list(List.of(parts.nothingKept())));
    }

    private Value list(List<Value> values) {
        return open.add(parts.torch().list(values));
    }

    @Override
    public void close() {
        open.close();
    }

    private List<long[]> runBounds() {
        if (plan.ownRuns().isEmpty()) {
            return List.of(DecoderScript.NO_RUN);
        }
        return plan.ownRuns().stream()
                .map(r -> new long[] {r.firstToken(), r.endToken(), r.firstWanted(), r.endWanted()})
                .toList();
    }

    private List<Value> own() {
        if (plan.ownRuns().isEmpty()) {
            return List.of(parts.noAdapter().tensors());
        }
        return plan.ownRuns().stream()
                .map(run -> run.weights().own().orElseThrow())
                .toList();
    }
}
