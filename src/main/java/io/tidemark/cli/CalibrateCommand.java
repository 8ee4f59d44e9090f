package io.tidemark.cli;

import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.ComputeOptions;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.model.DeviceOptions;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.sending.CalibrationClient;
import io.tidemark.cli.sending.ExampleOrder;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.Topics;
import io.tidemark.message.TableEntry;
import io.tidemark.message.UncountedExamples;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark calibrate}: sends validation batches and prints the resulting boundary. */
@Command(
        name = "calibrate",
        description = "Sends a JSONL file as validation batches and waits until a calibrator has processed them.",
        footer = {
            "",
            "Example:",
            "  tidemark calibrate --adapter restaurants --data validation.jsonl --batch-size 16",
            "A line of the file has 'prompt' or 'messages', 'completion', and optionally 'group': a name that examples",
            "which depend on each other share; they count as one. The command ends when the calibrators'",
            "group has committed past the last batch; state and boundary are in the transaction of that offset."
        })
final class CalibrateCommand extends ConsoleCommand {

    @Mixin
    private ClusterOptions cluster;

    @Option(names = "--adapter", required = true, paramLabel = "NAME", description = "Id of the adapter.")
    private String adapter;

    @Option(names = "--data", required = true, paramLabel = "FILE.jsonl", description = "The validation examples.")
    private Path data;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "" + OfflineDecision.BATCH,
            description = "Examples per batch. Default: ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(
            names = "--examples",
            paramLabel = "N",
            description = "Use only N examples of the file, drawn by the seed. Default: all.")
    private int count = Integer.MAX_VALUE;

    @ArgGroup
    private Order order = new Order();

    /** Shuffled, unless the user wants the order of the file. */
    static final class Order {

        @Option(
                names = "--seed",
                paramLabel = "N",
                description = "Seed of the order in which examples are sent. Default: random; it is printed.")
        private Optional<Long> seed = Optional.empty();

        @Option(
                names = "--keep-order",
                description = "Send the examples in the order of the file, which must be a random one.")
        private boolean keep;

        private OptionalLong seed() {
            if (keep) {
                return OptionalLong.empty();
            }
            return OptionalLong.of(
                    seed.orElseGet(() -> (long) ThreadLocalRandom.current().nextInt(1_000_000)));
        }
    }

    @Option(
            names = "--calibrator-group",
            paramLabel = "GROUP",
            defaultValue = "${env:TIDEMARK_CALIBRATOR_GROUP:-tidemark-calibrators}",
            description = "The calibrators' consumer group. Default: $TIDEMARK_CALIBRATOR_GROUP, otherwise "
                    + "tidemark-calibrators.")
    private String group;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "Maximum time without progress. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds = 300;

    @Option(
            names = "--json",
            description = "Print the boundary record as JSON, or with --plan one JSON object with its numbers.")
    private boolean json;

    @ArgGroup(exclusive = false, heading = "Say what a first move needs, and send nothing:%n")
    private Plan plan = new Plan();

    /** The model that scores some of the examples in this process. */
    static final class Plan {

        @Option(
                names = "--plan",
                required = true,
                description = "Score " + CalibrationForecast.UNITS + " examples in this process, and print how many"
                        + " examples and minutes a first move needs.")
        private boolean isWanted;

        @Option(
                names = "--model",
                required = true,
                paramLabel = "DIR",
                description = "Hugging Face folder of the base model.")
        private Path model;

        @Option(
                names = "--adapters",
                required = true,
                paramLabel = "DIR",
                description = "The folder with the folder of the adapter.")
        private Path adapters;
    }

    @Mixin
    private ComputeOptions compute = new ComputeOptions();

    @Mixin
    private DeviceOptions device = new DeviceOptions();

    @Override
    public Integer call() {
        if (batchSize < 1 || count < 1) {
            throw wrongUse("--batch-size and --examples must be 1 or more");
        }
        if (plan.isWanted) {
            return plan();
        }
        for (String option : List.of("--compute-type", "--kernels", "--deterministic", "--device", "--threads")) {
            if (spec().commandLine().getParseResult().hasMatchedOption(option)) {
                throw wrongUse(option + " requires --plan");
            }
        }
        Topics topics = cluster.topics();
        cluster.cluster()
                .requireTopics(topics.validationBatches(), topics.validationDeadLetters(), topics.boundaries());
        DataFile file = new DataFile(data);
        ExampleOrder examples = ordered(file);
        Outcomes outcomes = new Outcomes();
        long all = examples.examples();
        try (Progress progress = Progress.start("examples", all, err());
                DataFile.LineReader lines = file.open()) {
            new CalibrationClient(cluster.cluster(), topics, group)
                    .calibrate(
                            examples.batches(adapter, batchSize, lines),
                            (outcome, numbers) -> {
                                boolean isToContinue = outcomes.add(outcome, numbers);
                                progress.stepTo(outcomes.processed, outcomes.processed + " of " + all + " examples");
                                return isToContinue;
                            },
                            Duration.ofSeconds(timeoutSeconds));
        }
        outcomes.print(all, topics.calibrationState());
        if (outcomes.counted == 0) {
            return 1;
        }
        printBoundary();
        return outcomes.hasRefused() ? 1 : 0;
    }

    private ExampleOrder ordered(DataFile file) {
        OptionalLong seed = order.seed();
        ExampleOrder examples = ExampleOrder.of(file.exampleLines(), seed, count);
        if (examples.units().isEmpty()) {
            throw new CommandException(
                    "the first group of the order has more than " + count + " examples, the number of --examples");
        }
        seed.ifPresent(value -> err().println(
                        "the examples are shuffled by seed " + value + " (--seed " + value + " repeats this order)"));
        return examples;
    }

    private int plan() {
        Path folder = plan.adapters.resolve(adapter);
        if (!Files.isDirectory(folder)) {
            throw new CommandException("--adapters: there is no folder " + folder);
        }
        TorchOptions torch = device.torch();
        DataFile file = new DataFile(data);
        ExampleOrder examples = ordered(file);
        try (LocalModel model = LocalModel.open(plan.model, torch, compute::options);
                DataFile.LineReader lines = file.open()) {
            CalibrationForecast forecast = new CalibrationForecast(
                    model,
                    CommandSettings.rule(model.layers()),
                    new SweepLimits(SweepLimits.DEFAULT.tokensPerSlice(), torch.threads()),
                    err());
            CalibrationForecast.Forecast made = forecast.of(adapter, model.lora(folder), examples, lines);
            out().print(json ? made.json(batchSize) + System.lineSeparator() : made.written(batchSize));
            out().flush();
        }
        return 0;
    }

    /** What the calibrators did with the batches. Prints the first refused ones at once, and the sums at the end. */
    private final class Outcomes {

        /** Refusals that are printed. */
        private static final int SHOWN = 5;

        /** Lines of a batch that are printed. */
        private static final int LINES = 16;

        /** Errors that all batches of the adapter have in common. */
        private static final Set<String> OF_THE_ADAPTER =
                Set.of("unknown_adapter", "adapter_not_allowed", "adapter_unusable");

        private static final Pattern PLACE = Pattern.compile("examples\\[(\\d{1,9})]");

        private int processed;
        /** Examples of batches that were counted, repeats and refused ones included. */
        private int counted;

        private int rejectedBatches;
        private int rejected;
        private int batchesWithRefused;
        private Optional<UncountedExamples> uncounted = Optional.of(UncountedExamples.NONE);

        /** False if the other batches would be refused as well. */
        private boolean add(BatchOutcome outcome, List<Integer> lines) {
            processed += lines.size();
            if (outcome instanceof BatchOutcome.Counted batch) {
                counted += lines.size();
                uncounted = uncounted.flatMap(before -> batch.uncounted().map(before::plus));
                batch.uncounted()
                        .filter(known -> known.refused() > 0)
                        .ifPresent(known -> addRefused(known.refused(), lines));
                return true;
            }
            BatchOutcome.Rejected refused = (BatchOutcome.Rejected) outcome;
            rejectedBatches++;
            rejected += lines.size();
            if (rejectedBatches <= SHOWN) {
                err().println("refused: " + written(lines) + " of " + data + " (batch "
                        + refused.batch().batchId() + "): " + refused.message() + place(refused.message(), lines));
            } else if (rejectedBatches == SHOWN + 1) {
                err().println("further refusals are on topic '"
                        + cluster.topics().validationDeadLetters() + "'");
            }
            err().flush();
            return !OF_THE_ADAPTER.contains(refused.code());
        }

        /** A batch was counted without some of its examples. */
        private void addRefused(int refused, List<Integer> lines) {
            batchesWithRefused++;
            if (batchesWithRefused <= SHOWN) {
                err().println("refused: " + (lines.size() == 1 ? "" : refused + " of ") + written(lines) + " of " + data
                        + ": longer than the model's context, or its score with full LoRA is not finite");
                err().flush();
            }
        }

        private static String written(List<Integer> lines) {
            List<String> sorted = lines.stream().sorted().map(String::valueOf).toList();
            return sorted.size() == 1
                    ? "line " + sorted.get(0)
                    : sorted.size() + " examples, lines "
                            + String.join(", ", sorted.subList(0, Math.min(LINES, sorted.size())))
                            + (sorted.size() > LINES ? ", …" : "");
        }

        /** The line of the example that an error names by its place in the batch. */
        private static String place(String message, List<Integer> lines) {
            Matcher example = PLACE.matcher(message);
            if (!example.find() || Integer.parseInt(example.group(1)) >= lines.size()) {
                return "";
            }
            return "; " + example.group() + " is line " + lines.get(Integer.parseInt(example.group(1)));
        }

        private boolean hasRefused() {
            return rejected > 0
                    || uncounted.filter(known -> known.refused() > 0).isPresent();
        }

        private void print(long all, String states) {
            if (rejected > 0) {
                err().println(rejected + " of " + all + " examples were refused and have no effect"
                        + (counted == 0 ? ": nothing has changed" : ""));
            }
            if (processed < all) {
                err().println((all - processed) + " examples were not sent, because they would be refused as well");
            }
            if (counted == 0) {
                return;
            }
            if (uncounted.isEmpty()) {
                err().println("the number of examples that add nothing is unknown: topic '" + states
                        + "' could not be read, such as without READ on it");
                return;
            }
            UncountedExamples known = uncounted.get();
            if (known.repeats() > 0) {
                err().println(counted + " examples, of which " + known.repeats()
                        + " were counted before and add nothing"
                        + (known.repeatedGroups() > 0
                                ? "; " + known.repeatedGroups() + " groups have a name that was counted before"
                                : ""));
            }
            if (known.refused() > 0) {
                err().println(known.refused() + " of " + counted + " examples were refused alone and add nothing");
            }
        }
    }

    private void printBoundary() {
        SortedMap<String, TableEntry> table = new TreeMap<>(cluster.boundaries().read());
        table.keySet().retainAll(List.of(adapter));
        if (table.isEmpty()) {
            err().println("'" + adapter + "' has no boundary record: full LoRA applies. 'tidemark boundaries explain "
                    + adapter + "' shows what a boundary needs");
        } else {
            BoundariesCommand.print(table, json, out());
        }
    }
}
