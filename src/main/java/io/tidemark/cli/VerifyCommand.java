package io.tidemark.cli;

import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import io.tidemark.verification.Verification;
import io.tidemark.verification.VerificationReport;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tidemark verify}: the engine against what transformers and PEFT computed. */
@Command(
        name = "verify",
        description = "Compares this engine with the reference outputs (expected.json) beside adapters, line by line.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples: all models below a folder, then one adapter",
            "  tidemark verify demo",
            "  tidemark verify --model demo/model --adapter demo/adapters/describe",
            "Exits 1 when anything is off or unsupported, or when nothing was checked."
        })
final class VerifyCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @ArgGroup(exclusive = true, multiplicity = "1")
    private Subject subject;

    @Option(names = "--allow-unsupported", description = "Name what the engine doesn't support, and pass it.")
    private boolean allowUnsupported;

    @Option(
            names = "--record",
            paramLabel = "DIR",
            description =
                    "Write all calls of libtorch with their results there, for tools/gpu_check.py on a machine with a GPU.")
    private Optional<Path> record = Optional.empty();

    /** Either whole folders, or one adapter on one model. */
    static final class Subject {

        @Parameters(
                arity = "1..*",
                paramLabel = "DIR",
                description = "Folders to walk for models with adapters/*/expected.json.")
        private List<Path> folders = new ArrayList<>();

        @ArgGroup(exclusive = false)
        private OneAdapter one;
    }

    /** One adapter on one model. */
    static final class OneAdapter {

        @Option(
                names = "--model",
                required = true,
                paramLabel = "DIR",
                description = "The base model's Hugging Face folder.")
        private Path model;

        @Option(
                names = "--adapter",
                required = true,
                paramLabel = "DIR",
                description = "The adapter's folder, with its expected.json.")
        private Path adapter;
    }

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        subject.folders.stream()
                .filter(folder -> !Files.isDirectory(folder))
                .findFirst()
                .ifPresent(folder -> {
                    throw new CommandFailed("there is no folder " + folder);
                });
        PrintWriter out = spec.commandLine().getOut();
        try (Torch torch = record.map(folder -> Torch.recording(TorchOptions.CPU, folder))
                .orElseGet(() -> Torch.open(TorchOptions.CPU))) {
            Verification verification = new Verification(torch, compute.options(), verdict -> {
                out.println(verdict.adapter() + "  " + verdict.line());
                out.flush();
            });
            VerificationReport verdicts = subject.one == null
                    ? verification.walk(subject.folders)
                    : verification.one(subject.one.model, subject.one.adapter);
            out.printf(
                    "%d compared, %d off, %d unsupported%n",
                    verdicts.compared(), verdicts.off(), verdicts.unsupported());
            out.flush();
            return verdicts.pass(allowUnsupported) ? 0 : 1;
        }
    }
}
