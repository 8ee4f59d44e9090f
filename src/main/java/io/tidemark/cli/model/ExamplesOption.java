package io.tidemark.cli.model;

import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --data} and {@code --examples} of the commands that score examples. */
public final class ExamplesOption {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "FILE.jsonl",
            description = "Examples with 'prompt' or 'messages', and 'completion'.")
    private Path file;

    @Option(
            names = "--examples",
            paramLabel = "N",
            description = "Use only the first N examples. Default: ${DEFAULT-VALUE}.")
    private int count;

    private final int minimum;

    /**
     * @param minimum      minimum number of examples that the command needs
     * @param defaultCount default of {@code --examples}
     */
    public ExamplesOption(int minimum, int defaultCount) {
        this.minimum = minimum;
        this.count = defaultCount;
    }

    /**
     * Checks {@code --examples}; called before a model is loaded.
     *
     * @throws ParameterException when it is below the minimum
     */
    public void check() {
        if (count < minimum) {
            throw new ParameterException(command.commandLine(), "--examples must be " + minimum + " or more");
        }
    }

    /** @throws io.tidemark.cli.console.CommandException as {@link DataFile#tokenized} */
    public List<TokenizedExample> tokens(LanguageModel model) {
        return new DataFile(file).tokenized(model, minimum, count);
    }
}
