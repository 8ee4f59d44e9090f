package io.tidemark.cli.model;

import io.tidemark.cli.console.NamedFolder;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The model, its computation and {@code --adapter} of the commands that generate with any number of adapters. */
public final class ModelAndAdapterOptions {

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Option(
            names = "--adapter",
            paramLabel = "[NAME=]DIR",
            converter = NamedFolder.Converter.class,
            description = "PEFT folder of an adapter; may be repeated.")
    private List<NamedFolder> adapters = new ArrayList<>();

    /**
     * Loads the model; the caller closes it.
     *
     * @throws io.tidemark.cli.console.CommandException as {@link ComputeOptions#options}
     */
    public LocalModel open() {
        return model.open(compute.options());
    }

    /** The folder of the model. */
    public Path folder() {
        return model.folder();
    }

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

    /** @throws ParameterException as {@link LocalModelOptions#requireBoundaries} */
    public void requireBoundaries(LanguageModel language, Collection<Integer> boundaries) {
        model.requireBoundaries(language, boundaries);
    }
}
