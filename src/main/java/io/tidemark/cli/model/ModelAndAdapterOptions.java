package io.tidemark.cli.model;

import io.tidemark.cli.console.NamedFolder;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The model and {@code --adapter} of the commands that generate with any number of adapters. */
public final class ModelAndAdapterOptions extends LocalModelOptions {

    @Option(names = "--adapter", paramLabel = "[NAME=]DIR", description = "PEFT folder of an adapter; may be repeated.")
    private List<NamedFolder> adapters = new ArrayList<>();

    /** The adapters in the order of the command line. */
    public List<NamedFolder> adapters() {
        return List.copyOf(adapters);
    }

    /**
     * Loads all adapters, in the order of the command line.
     *
     * @throws io.tidemark.adapter.InvalidAdapterException when an adapter is broken or not supported
     */
    public List<LoraWeights> loadAdapters(LocalModel local) {
        return adapters.stream().map(NamedFolder::folder).map(local::lora).toList();
    }
}
