package io.tidemark.cli.model;

import io.tidemark.decoder.lora.LoraWeights;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The one adapter that a command is about. */
public final class AdapterOption {

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "The adapter's PEFT folder.")
    private Path folder;

    /** @throws io.tidemark.adapter.AdapterRefused when the folder cannot be applied exactly */
    public LoraWeights load(LocalModel model) {
        return model.lora(folder);
    }

    /** The folder's name. */
    public String name() {
        return folder.toAbsolutePath().normalize().getFileName().toString();
    }
}
