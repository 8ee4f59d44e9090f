package io.tidemark.model;

import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;

/** The values of one call of {@code step}; closing it frees them. */
final class StepArguments implements AutoCloseable {

    private final DecoderParts parts;
    private final OpenValues open = new OpenValues();
    private final List<Value> fromPlan;
    private final StepPlan plan;
    private final LoraPlaces places;

    StepArguments(DecoderParts parts, StepPlan plan, LoraPlaces places) {
        this.parts = parts;
        Torch torch = parts.torch();
        this.plan = plan;
        this.places = places;
        Value packed = open.add(torch.numbers(plan.packed()));
        Value tokens = open.add(torch.number(plan.tokens()));
        Value wanted = open.add(torch.number(plan.wanted().size()));
        Value attended = open.add(torch.number(plan.attended()));
        Value moved = open.add(torch.flag(plan.isMoved()));
        Value units = open.add(torch.numberLists(plan.units().stream()
                .map(unit -> unit.numbers(plan.blocks().indexOf(unit.block()))).toList()));
        Value caches = open.add(torch.list(plan.blocks().stream().map(KvBlock::cache).toList()));
        fromPlan = List.of(packed, tokens, wanted, attended, moved, units, caches);
    }

    /** All arguments in the script's order: the plan's, the adapters' LoRA, what else they change, then what is given last. */
    Value[] with(Value... last) {
        List<Value> all = new ArrayList<>(fromPlan);
        all.add(open.add(parts.torch().numberLists(groupBounds())));
        all.add(open.add(parts.torch().list(adapters())));
        all.add(open.add(parts.torch().list(stacks())));
        all.add(open.add(parts.torch().numberLists(runBounds())));
        all.add(open.add(parts.torch().list(own())));
        all.addAll(List.of(last));
        return all.toArray(Value[]::new);
    }

    @Override
    public void close() {
        open.close();
    }

    private List<long[]> groupBounds() {
        if (plan.groups().isEmpty()) {
            return List.of(DecoderScript.NO_GROUP);
        }
        long adjusted = plan.groups().stream().allMatch(g -> g.weights().isPlain()) ? 0 : 1;
        long alone = plan.groups().stream().allMatch(g -> places.stackOf(g.weights()) >= 0) ? 0 : 1;
        long stacked = plan.groups().stream().filter(g -> places.stackOf(g.weights()) >= 0).mapToLong(LoraGroup::loraLayers).max().orElse(0);
        return plan.groups().stream().map(g -> new long[] {g.firstToken(), g.endToken(), g.loraLayers(),
            places.stackOf(g.weights()), places.placeOf(g.weights()), adjusted, alone, stacked}).toList();
    }

    private List<long[]> runBounds() {
        if (plan.ownRuns().isEmpty()) {
            return List.of(DecoderScript.NO_RUN);
        }
        return plan.ownRuns().stream().map(r -> new long[] {r.firstToken(), r.endToken(), r.firstWanted(), r.endWanted()}).toList();
    }

    private List<Value> own() {
        if (plan.ownRuns().isEmpty()) {
            return List.of(parts.noAdapter().tensors());
        }
        return plan.ownRuns().stream().map(run -> run.weights().own().orElseThrow()).toList();
    }

    private List<Value> stacks() {
        return places.stacks().isEmpty() ? List.of(parts.noStack()) : places.stacks().stream().map(LoraStack::value).toList();
    }

    /** One list of tensors a group. */
    private List<Value> adapters() {
        if (plan.groups().isEmpty()) {
            return List.of(parts.noAdapter().tensors());
        }
        return plan.groups().stream().map(LoraGroup::weights).map(LoraWeights::tensors).toList();
    }
}
