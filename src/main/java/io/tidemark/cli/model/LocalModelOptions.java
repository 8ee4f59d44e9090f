package io.tidemark.cli.model;

import io.tidemark.decoder.LanguageModel;
import java.util.Collection;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of every command that runs one base model in this process. */
public final class LocalModelOptions {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Mixin
    private BaseModelOptions base = new BaseModelOptions();

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    /** Loads the model, for the caller to close. */
    public LocalModel open() {
        return base.open(compute.options());
    }

    /** @throws ParameterException when one of {@code --boundary}'s values is no boundary of the model */
    public void requireBoundaries(LanguageModel model, Collection<Integer> boundaries) {
        int layers = model.config().numLayers();
        if (boundaries.stream().anyMatch(boundary -> boundary < 0 || boundary > layers)) {
            throw new ParameterException(
                    command.commandLine(), "--boundary must be 0 to " + layers + " for this model");
        }
    }
}
