package io.tidemark.benchmark.command;

import io.tidemark.benchmark.ComputeTypeErrors;
import io.tidemark.benchmark.ComputeTypeErrors.AdaptedModel;
import io.tidemark.benchmark.ComputeTypeErrors.Errors;
import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveChoice;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.model.AdapterOption;
import io.tidemark.cli.model.ExamplesOption;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.ModelFolderOptions;
import io.tidemark.evaluation.PairedDifference;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code bench/bench compute-types}: measures the effect of bf16 and int8 on an adapter and its boundary. */
@Command(
        name = "compute-types",
        description = "Compares bf16 and int8 with fp32: KL, greedy agreement, gold log-likelihood, boundaries.",
        footer = {
            "",
            "Example:",
            "  bench/bench compute-types --model demo/model --adapter demo/adapters/describe \\",
            "      --data demo/data/describe-validation.jsonl"
        })
final class BenchComputeTypesCommand extends ConsoleCommand {

    @Mixin
    private ModelFolderOptions model = new ModelFolderOptions();

    @Mixin
    private AdapterOption adapter = new AdapterOption();

    @Mixin
    private ExamplesOption examples = new ExamplesOption(2, 32);

    @Override
    public Integer call() {
        examples.check();
        out().printf(
                        "%-6s %12s %10s %18s %9s %18s%n",
                        "type", "KL per token", "agreement", "gold per token", "best", "one_standard_error");
        try (LocalModel fp32 = model.open(new ModelOptions(ComputeType.FP32))) {
            List<TokenizedExample> tokens = examples.tokens(fp32.language());
            AdaptedModel reference = adapted(fp32);
            print("fp32", new Errors(0, 1, new PairedDifference(0, 0)), curve(reference, tokens));
            for (ComputeType type : List.of(ComputeType.BF16, ComputeType.INT8)) {
                try (LocalModel local = model.open(new ModelOptions(type))) {
                    AdaptedModel adapted = adapted(local);
                    print(
                            type.label(),
                            new ComputeTypeErrors(reference, adapted).compare(tokens),
                            curve(adapted, tokens));
                }
            }
        }
        return 0;
    }

    private AdaptedModel adapted(LocalModel local) {
        return new AdaptedModel(local.language(), adapter.load(local));
    }

    private static BoundaryCurve curve(AdaptedModel adapted, List<TokenizedExample> tokens) {
        return new BoundarySweep(adapted.model(), SweepLimits.DEFAULT).curve(adapted.lora(), tokens);
    }

    private void print(String type, Errors errors, BoundaryCurve curve) {
        out().printf(
                        "%-6s %12.5f %9.2f%% %+9.4f ± %6.4f %9d %18d%n",
                        type,
                        errors.divergence(),
                        100 * errors.agreement(),
                        errors.gold().mean(),
                        errors.gold().halfWidth95(),
                        CurveChoice.BEST.of(curve).layers(),
                        CurveChoice.ONE_STANDARD_ERROR.of(curve).layers());
    }
}
