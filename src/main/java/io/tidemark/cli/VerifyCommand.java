package io.tidemark.cli;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.cli.model.DeviceOptions;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import io.tidemark.verification.Verification;
import io.tidemark.verification.VerificationReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tidemark verify}: compares the engine with outputs of transformers and PEFT. */
@Command(
        name = "verify",
        description =
                "Compares the engine with the reference outputs (expected.json) of adapters, one line per adapter.",
        footer = {
            "",
            "Examples: all models below a folder, then one adapter",
            "  tidemark verify demo",
            "  tidemark verify --model demo/model --adapter demo/adapters/describe",
            "Exits with 1 if a comparison is off, an adapter is unsupported, or nothing was compared."
        })
final class VerifyCommand extends ConsoleCommand {

    @ArgGroup(exclusive = true, multiplicity = "1")
    private Subject subject;

    @Option(names = "--allow-unsupported", description = "Pass unsupported adapters, which are listed.")
    private boolean allowUnsupported;

    @Option(
            names = "--record",
            paramLabel = "DIR",
            description =
                    "Record all calls of libtorch with their results, and those of sampled requests, for tools/gpu_check.py"
                            + " on a machine with a GPU.")
    private Optional<Path> record = Optional.empty();

    /** Folders to search, or one adapter of one model. */
    static final class Subject {

        @Parameters(
                arity = "1..*",
                paramLabel = "DIR",
                description = "Folders that contain models with adapters/*/expected.json.")
        private List<Path> folders = new ArrayList<>();

        @ArgGroup(exclusive = false)
        private OneAdapter one;
    }

    /** One adapter of one model. */
    static final class OneAdapter {

        @Option(
                names = "--model",
                required = true,
                paramLabel = "DIR",
                description = "Hugging Face folder of the base model.")
        private Path model;

        @Option(
                names = "--adapter",
                required = true,
                paramLabel = "[NAME=]DIR",
                description = "PEFT folder of the adapter, with its expected.json.")
        private NamedFolder adapter;
    }

    @Mixin
    private DeviceOptions device = new DeviceOptions();

    @Mixin
    private ComputeOptions compute = new ComputeOptions(ComputeType.FP32);

    @Override
    public Integer call() {
        subject.folders.stream()
                .filter(folder -> !Files.isDirectory(folder))
                .findFirst()
                .ifPresent(folder -> {
                    throw new CommandException("there is no folder " + folder);
                });
        TorchOptions where = device.torch();
        try (Torch torch = LocalModel.opened(
                () -> record.map(folder -> Torch.recording(where, folder)).orElseGet(() -> Torch.open(where)))) {
            ModelOptions options = compute.options(torch);
            Verification verification = new Verification(torch, options, record.isPresent(), verdict -> {
                out().println(verdict.adapter() + "  " + verdict.line());
                out().flush();
            });
            VerificationReport report = subject.one == null
                    ? verification.walk(subject.folders)
                    : verification.one(subject.one.model, subject.one.adapter.folder());
            out().printf(
                            "%d compared, %d off, %d unsupported; %s, kernels: %s%n",
                            report.compared(),
                            report.off(),
                            report.unsupported(),
                            options.computeType().label(),
                            report.kernels().map(Kernels::label).orElse("none"));
            out().flush();
            if (report.compared() + report.off() + report.unsupported() == 0) {
                err().println("nothing was compared: below the folders there is no model with"
                        + " adapters/*/expected.json; tools/reference.py writes that file for your model and adapter");
            }
            return report.pass(allowUnsupported) ? 0 : 1;
        }
    }
}
