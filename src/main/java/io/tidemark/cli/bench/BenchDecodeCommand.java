package io.tidemark.cli.bench;

import io.tidemark.benchmark.DecodeBenchmark;
import io.tidemark.benchmark.DecodeBenchmark.Speed;
import io.tidemark.benchmark.DecodeBenchmark.Variant;
import io.tidemark.benchmark.SyntheticAdapters;
import io.tidemark.boundary.Boundary;
import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.LocalModelOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.evaluation.Spread;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tidemark bench decode}: measures the cost of adapters, boundaries and compute types in decoding steps. */
@Command(
        name = "decode",
        description =
                "Measures decoding steps with synthetic adapters: base model, full LoRA, a boundary of one third, masks.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  tidemark bench decode --model demo/model --compute-type int8 --rows 1,8,32 --adapters 1,4"
        })
final class BenchDecodeCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private LocalModelOptions model = new LocalModelOptions();

    @Option(
            names = "--compute-type",
            split = ",",
            paramLabel = "TYPE",
            defaultValue = "fp32,bf16,int8",
            converter = ComputeOptions.Converter.class,
            description = "fp32, bf16 or int8; one or several. Default: ${DEFAULT-VALUE}.")
    private List<ComputeType> types;

    @Option(
            names = "--rows",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,8,32",
            description = "Sequences in a batch. Default: ${DEFAULT-VALUE}.")
    private List<Integer> rows;

    @Option(
            names = "--adapters",
            split = ",",
            paramLabel = "N",
            defaultValue = "1,4",
            description = "Adapters in a batch; at most the number of rows. Default: ${DEFAULT-VALUE}.")
    private List<Integer> adapters;

    @Option(
            names = "--rank",
            paramLabel = "R",
            defaultValue = "16",
            description = "LoRA rank of all seven modules. Default: ${DEFAULT-VALUE}.")
    private int rank;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "64",
            description = "Tokens in the KV cache of each row. Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "32",
            description = "Measured steps of a run. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "5",
            description = "Runs of each, in turn; the median is printed. Default: ${DEFAULT-VALUE}.")
    private int repeat;

    @Option(
            names = "--masks",
            split = ",",
            paramLabel = "SHARE",
            description =
                    "Also measure the base model with a mask for each row that allows this share of the vocabulary, "
                            + "above 0 and up to 1; one or several.")
    private List<Double> masks = new ArrayList<>();

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "Temperature of all rows. Default: ${DEFAULT-VALUE}.")
    private double temperature;

    @Option(names = "--deterministic", description = "Also measure int8 with deterministic logits.")
    private boolean deterministic;

    @Override
    public Integer call() {
        if (steps < 1
                || repeat < 1
                || rank < 1
                || promptTokens < 1
                || rows.stream().anyMatch(n -> n < 1)
                || adapters.stream().anyMatch(n -> n < 1)) {
            throw new ParameterException(spec.commandLine(), "all numbers must be 1 or more");
        }
        if (masks.stream().anyMatch(share -> !(share > 0 && share <= 1))) {
            throw new ParameterException(spec.commandLine(), "--masks must be above 0 and at most 1");
        }
        if (!(temperature >= 0 && Double.isFinite(temperature))) {
            throw new ParameterException(spec.commandLine(), "--temperature must be 0 or more");
        }
        List<ModelOptions> options =
                new ArrayList<>(types.stream().map(ModelOptions::new).toList());
        if (deterministic) {
            options.add(new ModelOptions(ComputeType.INT8, true));
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf("%-20s %4s  %-24s %10s %7s %6s%n", "compute type", "rows", "adapters", "tokens/s", "of base", "JVM");
        options.forEach(option -> measure(option, out));
        return 0;
    }

    private void measure(ModelOptions options, PrintWriter out) {
        int most = adapters.stream().mapToInt(Integer::intValue).max().orElseThrow();
        try (LocalModel local = model.open(options);
                SyntheticAdapters folder =
                        SyntheticAdapters.write(local.language().config(), most, most, rank)) {
            List<LoraWeights> loaded =
                    folder.folders().values().stream().map(local::lora).toList();
            try (DecodeBenchmark bench = new DecodeBenchmark(local.language(), loaded, promptTokens, steps)) {
                for (int count : rows) {
                    adapters.stream()
                            .filter(mixed -> mixed <= count)
                            .forEach(mixed -> print(options, count, variants(mixed, local.layers()), bench, out));
                }
            }
        }
    }

    private List<Variant> variants(int adapters, int layers) {
        List<Variant> variants = new ArrayList<>(List.of(
                variant("base", 0, 0, OptionalDouble.empty()),
                variant(adapters + ", all layers", adapters, layers, OptionalDouble.empty()),
                variant(adapters + ", boundary " + layers / 3, adapters, layers / 3, OptionalDouble.empty())));
        masks.forEach(share -> variants.add(variant("base, masks of " + share, 0, 0, OptionalDouble.of(share))));
        return variants;
    }

    private Variant variant(String name, int adapters, int layers, OptionalDouble masked) {
        return new Variant(name, adapters, new Boundary(layers), SamplingParams.at(temperature), masked);
    }

    private void print(ModelOptions options, int rows, List<Variant> variants, DecodeBenchmark bench, PrintWriter out) {
        List<List<Speed>> speeds = bench.run(rows, variants, repeat);
        String type = options.computeType().label() + (options.deterministic() ? " deterministic" : "");
        double base = median(speeds.get(0));
        for (int i = 0; i < variants.size(); i++) {
            double speed = median(speeds.get(i));
            double jvm = Spread.of(speeds.get(i).stream().map(Speed::jvmShare).toList())
                    .median();
            out.printf(
                    "%-20s %4d  %-24s %10.0f %7.2f %5.1f%%%n",
                    type, rows, variants.get(i).name(), speed, speed / base, 100 * jvm);
        }
    }

    private static double median(List<Speed> speeds) {
        return Spread.of(speeds.stream().map(Speed::tokensPerSecond).toList()).median();
    }
}
