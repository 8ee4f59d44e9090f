package io.tidemark.cli.model;

import io.tidemark.cli.console.NamedFolder;
import io.tidemark.decoder.lora.LoraWeights;
import picocli.CommandLine.Option;

/** {@code --adapter} of the commands that use exactly one adapter. */
public final class AdapterOption {

    @Option(
            names = "--adapter",
            required = true,
            paramLabel = "[NAME=]DIR",
            description = "PEFT folder of the adapter.")
    private NamedFolder adapter;

    /** @throws io.tidemark.adapter.InvalidAdapterException when the adapter is broken or not supported */
    public LoraWeights load(LocalModel model) {
        return model.lora(adapter.folder());
    }

    /**
     * Loads the adapter once more with the scale of all LoRA multiplied by a factor.
     *
     * @throws io.tidemark.adapter.InvalidAdapterException when the adapter is broken or not supported
     */
    public LoraWeights load(LocalModel model, double factor) {
        return model.lora(adapter.folder(), factor);
    }

    /** The given name, or the name of the folder. */
    public String name() {
        return adapter.name();
    }
}
