package io.tidemark.cli.model;

import picocli.CommandLine.Mixin;

/** The model of the commands that load one base model, and how it is computed. */
public class LocalModelOptions extends ModelFolderOptions {

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    /**
     * Loads the model; the caller closes it.
     *
     * @throws io.tidemark.cli.console.CommandException as {@link ComputeOptions#options}
     */
    public final LocalModel open() {
        return open(compute::options);
    }
}
