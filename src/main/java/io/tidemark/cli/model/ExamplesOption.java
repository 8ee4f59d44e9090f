package io.tidemark.cli.model;

import io.tidemark.calibration.TokenizedExample;
import io.tidemark.cli.CommandFailed;
import io.tidemark.decoder.LanguageModel;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The examples that a command scores: a file, and how many of its first ones. */
public final class ExamplesOption {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "FILE.jsonl",
            description = "Examples with prompt or messages, and completion.")
    private Path file;

    @Option(names = "--examples", paramLabel = "N", description = "How many of them. Default: ${DEFAULT-VALUE}.")
    private int most;

    private final int least;

    /**
     * @param least        examples that the command can do with
     * @param defaultCount how many are taken when the user says nothing
     */
    public ExamplesOption(int least, int defaultCount) {
        this.least = least;
        this.most = defaultCount;
    }

    /** @throws ParameterException when the user wants fewer examples than the command can do with; before a model is loaded */
    public void check() {
        if (most < least) {
            throw new ParameterException(command.commandLine(), "--examples must be " + least + " or more");
        }
    }

    /** @throws CommandFailed when the file has too few, or one is incomplete or longer than the context, naming it */
    public List<TokenizedExample> tokens(LanguageModel model) {
        return new ExampleFile(file, model).firstTokens(least, most);
    }
}
