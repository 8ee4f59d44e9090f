package io.tidemark.cli;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.BoundaryCurve;
import io.tidemark.calibration.BoundarySweep;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.SweepLimits;
import io.tidemark.calibration.SweepRun;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.model.ComputeType;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.ModelOptions;
import io.tidemark.proof.ComputeTypeErrors;
import io.tidemark.proof.ComputeTypeErrors.Errors;
import io.tidemark.proof.ComputeTypeErrors.Side;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench compute-types}: what each type's rounding does to an adapter's texts and its boundary. */
@Command(
        name = "compute-types",
        description = "Compares bf16 and int8 with fp32: KL, greedy agreement, gold log-likelihood, boundaries.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  tidemark bench compute-types --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl"})
final class BenchComputeTypesCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "The base model's Hugging Face folder.")
    private Path model;

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "The adapter's PEFT folder.")
    private Path adapter;

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "Examples with prompt and completion.")
    private Path data;

    @Option(names = "--examples", paramLabel = "N", defaultValue = "32", description = "How many of them. Default: ${DEFAULT-VALUE}.")
    private int examples;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0",
            description = "Threads of the engine; 0 takes one a core. Default: ${DEFAULT-VALUE}.")
    private int threads;

    @Override
    public Integer call() {
        if (examples < 2) {
            throw new ParameterException(spec.commandLine(), "--examples must be 2 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf("%-6s %12s %10s %14s %9s %9s%n", "type", "KL per token", "agreement", "gold per token", "quality", "balanced");
        try (Torch torch = Torch.open(new TorchOptions("cpu", threads));
                LanguageModel exact = load(torch, ComputeType.FP32);
                AdapterStore store = new AdapterStore(exact)) {
            List<TokenizedExample> tokens = new ExampleFile(data, exact).firstTokens(1, examples);
            Side reference = new Side(exact, store.load("adapter", adapter).weights());
            print(out, "fp32", new Errors(0, 0, 1, 0), curve(reference, tokens));
            for (ComputeType type : List.of(ComputeType.BF16, ComputeType.INT8)) {
                try (LanguageModel rough = load(torch, type); AdapterStore others = new AdapterStore(rough)) {
                    Side side = new Side(rough, others.load("adapter", adapter).weights());
                    print(out, type.label(), new ComputeTypeErrors(reference, side).compare(tokens), curve(side, tokens));
                }
            }
        }
        return 0;
    }

    private LanguageModel load(Torch torch, ComputeType type) {
        return LanguageModel.load(model, "base", torch, new ModelOptions(type));
    }

    private static BoundaryCurve curve(Side side, List<TokenizedExample> tokens) {
        try (SweepRun run = new BoundarySweep(side.model(), SweepLimits.DEFAULT).start(side.lora(), tokens)) {
            return CurveStatistics.empty(side.model().config().numLayers()).plus(run.finish()).curve();
        }
    }

    private static void print(PrintWriter out, String type, Errors errors, BoundaryCurve curve) {
        out.printf("%-6s %12.5f %9.2f%% %+14.5f %9d %9d%n", type, errors.divergence(), 100 * errors.agreement(), errors.goldChange(),
                Objective.parse("quality").choose(curve).layers(), Objective.parse("balanced").choose(curve).layers());
        out.flush();
    }
}
