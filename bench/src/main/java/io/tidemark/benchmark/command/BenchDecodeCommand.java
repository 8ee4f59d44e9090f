package io.tidemark.benchmark.command;

import io.tidemark.benchmark.DecodeBenchmark;
import io.tidemark.benchmark.DecodeBenchmark.Case;
import io.tidemark.benchmark.DecodeBenchmark.Speed;
import io.tidemark.benchmark.DecodeBenchmark.Variant;
import io.tidemark.benchmark.SyntheticAdapters;
import io.tidemark.boundary.Boundary;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.model.ModelFolderOptions;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.evaluation.Spread;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code bench/bench decode}: measures the cost of adapters, boundaries, compute types and kernels in decoding steps
 * and in steps of prompts.
 */
@Command(
        name = "decode",
        description =
                "Measures steps with synthetic adapters: base model, full LoRA, a boundary of one third, masks, prompts.",
        footer = {
            "",
            "Examples:",
            "  bench/bench decode --model demo/model --rows 1,8,32 --adapters 1,4",
            "  bench/bench decode --model demo/model --kernels torch,auto --prefill 64,1000"
        })
final class BenchDecodeCommand extends ConsoleCommand {

    @Mixin
    private ModelFolderOptions model = new ModelFolderOptions();

    @Option(
            names = "--compute-type",
            split = ",",
            paramLabel = "TYPE",
            defaultValue = "auto",
            description = "auto, fp32, bf16 or int8; one or several. Default: ${DEFAULT-VALUE}.")
    private List<ComputeTypeChoice> types;

    @Option(
            names = "--kernels",
            split = ",",
            paramLabel = "KERNELS",
            defaultValue = "auto",
            description =
                    "auto, torch, amx, vnni-bf16, vnni, avx2 or cuda-graphs; one or several, which run in turn. Types other "
                            + "than int8 use torch and cuda-graphs only. Default: ${DEFAULT-VALUE}.")
    private List<Kernels> kernels;

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
            description = "LoRA rank of all seven modules. Default: ${DEFAULT-VALUE}.")
    private int rank = 16;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            description = "Tokens in the KV cache of each row. Default: ${DEFAULT-VALUE}.")
    private int promptTokens = 64;

    @Option(names = "--steps", paramLabel = "N", description = "Measured steps of a run. Default: ${DEFAULT-VALUE}.")
    private int steps = 32;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            description = "Runs of each, in turn; the median is printed. Default: ${DEFAULT-VALUE}.")
    private int repeat = 5;

    @Option(
            names = "--masks",
            split = ",",
            paramLabel = "SHARE",
            description =
                    "Also measure the base model with a mask for each row that allows this share of the vocabulary, "
                            + "above 0 and up to 1; one or several.")
    private List<Double> masks = new ArrayList<>();

    @Option(
            names = "--prefill",
            split = ",",
            paramLabel = "N",
            description = "Also measure steps with a prompt of this many tokens, alone; one or several.")
    private List<Integer> prefill = new ArrayList<>();

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
                || prefill.stream().anyMatch(n -> n < 1)
                || adapters.stream().anyMatch(n -> n < 1)) {
            throw wrongUse("all numbers must be 1 or more");
        }
        if (masks.stream().anyMatch(share -> !(share > 0 && share <= 1))) {
            throw wrongUse("--masks must be above 0 and at most 1");
        }
        if (!(temperature >= 0 && Double.isFinite(temperature))) {
            throw wrongUse("--temperature must be 0 or more");
        }
        List<ModelOptions> options = new ArrayList<>(types.stream()
                .map(type -> new ModelOptions(model.resolve(type)))
                .toList());
        if (deterministic) {
            options.add(new ModelOptions(ComputeType.INT8, true));
        }
        out().printf(
                        "%-20s %-11s %4s  %-24s %10s %9s %7s %9s %6s%n",
                        "compute type",
                        "kernels",
                        "rows",
                        "adapters",
                        "tokens/s",
                        "ms/step",
                        "of base",
                        "of " + kernels.get(0).label(),
                        "JVM");
        options.forEach(this::measure);
        return 0;
    }

    private void measure(ModelOptions options) {
        boolean choice = options.computeType() == ComputeType.INT8;
        List<Loaded> loaded = new ArrayList<>();
        try {
            Stream<Kernels> chosen = kernels.stream()
                    .map(each -> choice || each == Kernels.CUDA_GRAPHS ? each : Kernels.TORCH)
                    .distinct();
            for (Kernels each : chosen.toList()) {
                loaded.add(load(options.with(each)));
            }
            int layers = loaded.get(0).local().layers();
            for (int count : rows) {
                adapters.stream()
                        .filter(mixed -> mixed <= count)
                        .forEach(mixed -> print(options, count, variants(mixed, layers), loaded));
            }
            prefill.forEach(tokens -> print(options, 1, prompts(tokens, layers), loaded));
        } finally {
            loaded.forEach(Loaded::close);
        }
    }

    /** A model with synthetic adapters. */
    private record Loaded(LocalModel local, DecodeBenchmark bench) {

        String kernels() {
            return local.language().kernels().label();
        }

        void close() {
            bench.close();
            local.close();
        }
    }

    private Loaded load(ModelOptions options) {
        int most = adapters.stream().mapToInt(Integer::intValue).max().orElseThrow();
        LocalModel local = model.open(options);
        try (SyntheticAdapters folder = SyntheticAdapters.write(local.language().config(), most, most, rank)) {
            List<LoraWeights> loras =
                    folder.folders().values().stream().map(local::lora).toList();
            return new Loaded(local, new DecodeBenchmark(local.language(), loras, promptTokens, steps));
        } catch (RuntimeException e) {
            local.close();
            throw e;
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

    private static List<Variant> prompts(int tokens, int layers) {
        return List.of(
                Variant.ofPrompt("base, prompt of " + tokens, 0, new Boundary(0), tokens),
                Variant.ofPrompt("1, prompt of " + tokens, 1, new Boundary(layers), tokens));
    }

    private Variant variant(String name, int adapters, int layers, OptionalDouble masked) {
        return new Variant(name, adapters, new Boundary(layers), SamplingParams.at(temperature), masked, 0);
    }

    /** Each variant runs with all kernels before the next one. */
    private void print(ModelOptions options, int rows, List<Variant> variants, List<Loaded> loaded) {
        List<Case> cases = variants.stream()
                .flatMap(variant -> loaded.stream().map(each -> new Case(each.bench(), variant)))
                .toList();
        List<List<Speed>> speeds = DecodeBenchmark.runInTurn(rows, cases, repeat);
        String type = options.computeType().label() + (options.deterministic() ? " deterministic" : "");
        for (int i = 0; i < cases.size(); i++) {
            Variant variant = cases.get(i).variant();
            int of = i % loaded.size();
            double speed = median(speeds.get(i));
            double jvm = Spread.of(speeds.get(i).stream().map(Speed::jvmShare).toList())
                    .median();
            out().printf(
                            "%-20s %-11s %4d  %-24s %10.0f %9.2f %7.2f %9.2f %5.1f%%%n",
                            type,
                            loaded.get(of).kernels(),
                            rows,
                            variant.name(),
                            speed,
                            1e3 * rows * Math.max(1, variant.prompt()) / speed,
                            speed / median(speeds.get(of)),
                            speed / median(speeds.get(i - of)),
                            100 * jvm);
        }
        out().flush();
    }

    private static double median(List<Speed> speeds) {
        return Spread.of(speeds.stream().map(Speed::tokensPerSecond).toList()).median();
    }
}
