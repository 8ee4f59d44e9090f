package io.tidemark.model;

import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The decoder on the device: one native call runs a step for all rows. Holds the base weights and no state of any
 * sequence; calls from several threads are safe as long as no two of them touch the same slot.
 */
public final class Decoder implements AutoCloseable {

    private final Torch torch;
    private final Script script;
    private final ModelConfig config;
    private final Value weights;
    private final Value dims;
    private final Value epsilon;

    private Decoder(Torch torch, Script script, ModelConfig config, Value weights) {
        this.torch = torch;
        this.script = script;
        this.config = config;
        this.weights = weights;
        this.dims = torch.numbers(config.numLayers(), config.hiddenSize(), config.heads(), config.kvHeads(),
                config.headDim(), config.attentionBias() ? 1 : 0, config.mlpBias() ? 1 : 0);
        this.epsilon = torch.number(config.normEpsilon());
    }

    static Decoder load(Path folder, ModelConfig config, Torch torch) {
        Script script = torch.script("Decoder", "/torchscript/weights.torchscript", "/torchscript/layer.torchscript",
                "/torchscript/step.torchscript", "/torchscript/sampling.torchscript", "/torchscript/sweep.torchscript");
        return new Decoder(torch, script, config, BaseWeights.load(folder, config, new TensorLoader(torch, script)));
    }

    public ModelConfig config() {
        return config;
    }

    /**
     * Brings an adapter to the device.
     *
     * @param source the folder that an error names
     * @param layers for each layer the modules that have LoRA
     * @throws ModelRefused when a tensor holds values that are not finite
     */
    public LoraWeights assemble(Path source, List<Map<Projection, LoraModule>> layers) {
        return new LoraAssembler(config, new TensorLoader(torch, script)).assemble(source, layers);
    }

    /** Runs a step and chooses a token for each row that has a rule, in the order of those rows in the batch. */
    public List<TokenChoice> step(List<StepRow> batch) {
        StepPlan plan = new StepPlan(batch);
        TokenRules rules = new TokenRules(plan.wanted());
        try (StepArguments step = new StepArguments(torch, plan);
                Value knobs = torch.doubles(rules.knobs());
                Value sampled = torch.longs(rules.sampledRows());
                Value penalised = torch.longs(rules.penalisedPairs());
                Value top = torch.number(rules.top());
                Value out = script.call("step_and_choose", step.with(weights, dims, epsilon, knobs, sampled, penalised, top))) {
            return inBatchOrder(batch, plan.wanted(), rules.choices(out));
        }
    }

    /** Runs a step and returns the logits {@code [vocabulary]} of each row that has a rule, in the order of the batch. */
    public List<float[]> logits(List<StepRow> batch) {
        StepPlan plan = new StepPlan(batch);
        try (StepArguments step = new StepArguments(torch, plan);
                Value out = script.call("step", step.with(weights, dims, epsilon))) {
            float[] all = out.toFloats();
            List<float[]> rows = new ArrayList<>();
            for (int i = 0; i < plan.wanted().size(); i++) {
                rows.add(Arrays.copyOfRange(all, i * config.vocabularySize(), (i + 1) * config.vocabularySize()));
            }
            return inBatchOrder(batch, plan.wanted(), rows);
        }
    }

    KvBlock newBlock(int slots, int capacity) {
        try (Value layers = torch.number(config.numLayers());
                Value like = torch.floats(0);
                Value shape = torch.numbers(slots, config.kvHeads(), capacity, config.headDim())) {
            return new KvBlock(script.call("cache", like, layers, shape), script.call("cache", like, layers, shape), slots, capacity);
        }
    }

    void clear(KvSlot slot) {
        try (Value index = torch.number(slot.index())) {
            script.call("clear", slot.block().keys(), index).close();
            script.call("clear", slot.block().values(), index).close();
        }
    }

    @Override
    public void close() {
        weights.close();
        dims.close();
        epsilon.close();
        script.close();
    }

    private static <T> List<T> inBatchOrder(List<StepRow> batch, List<StepRow> wanted, List<T> results) {
        Map<StepRow, T> byRow = new IdentityHashMap<>();
        for (int i = 0; i < wanted.size(); i++) {
            byRow.put(wanted.get(i), results.get(i));
        }
        return batch.stream().filter(byRow::containsKey).map(byRow::get).toList();
    }
}
