package io.tidemark.cli;

import io.tidemark.calibration.rule.OfflineDecision;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.sending.CalibrationClient;
import io.tidemark.client.Topics;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.TableEntry;
import io.tidemark.message.UncountedExamples;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
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
            "A line of the file has 'prompt' or 'messages', and 'completion'. The command ends when the calibrators'",
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

    @Option(names = "--examples", paramLabel = "N", description = "Use only the first N examples. Default: all.")
    private int count = Integer.MAX_VALUE;

    @Option(
            names = "--group",
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

    @Option(names = "--json", description = "Print the boundary record as JSON.")
    private boolean json;

    @Override
    public Integer call() {
        if (batchSize < 1 || count < 1) {
            throw wrongUse("--batch-size and --examples must be 1 or more");
        }
        Topics topics = cluster.topics();
        cluster.cluster()
                .requireTopics(topics.validationBatches(), topics.validationDeadLetters(), topics.boundaries());
        DataFile file = new DataFile(data);
        long examples = file.countExamples(count);
        Refusals refusals = new Refusals();
        CalibrationClient.CountedBatch counted;
        try (Progress progress = Progress.start("examples", examples, err())) {
            CalibrationClient client = new CalibrationClient(cluster.cluster(), topics, group);
            counted = file.read(objects -> client.calibrate(
                    CalibrationClient.split(adapter, objects.limit(count).iterator(), batchSize),
                    refusals::add,
                    done -> progress.stepTo(done, done + " of " + examples + " examples"),
                    Duration.ofSeconds(timeoutSeconds)));
        }
        refusals.printSum(examples);
        if (refusals.examples == examples) {
            return 1;
        }
        printRepeats(counted, topics.calibrationState());
        printBoundary();
        return refusals.examples == 0 ? 0 : 1;
    }

    /** Prints refused batches: the examples of each of the first ones, and how many examples there are in all. */
    private final class Refusals {

        private static final int SHOWN = 5;

        private int batches;
        private long examples;

        /** @param first the place of the first example of the batch in the file, from 1, without blank lines */
        private void add(RawValidationBatch batch, long first, String reason) {
            batches++;
            examples += batch.examples().size();
            if (batches <= SHOWN) {
                long last = first + batch.examples().size() - 1;
                err().println("refused: " + (first == last ? "example " + first : "examples " + first + " to " + last)
                        + " of " + data + " (batch " + batch.batchId() + "): " + reason);
            } else if (batches == SHOWN + 1) {
                err().println("further refusals are on topic '"
                        + cluster.topics().validationDeadLetters() + "'");
            }
            err().flush();
        }

        private void printSum(long sent) {
            if (examples > 0) {
                err().println(examples + " of " + sent + " examples were refused and have no effect"
                        + (examples == sent ? ": nothing has changed" : ""));
            }
        }
    }

    private void printRepeats(CalibrationClient.CountedBatch counted, String states) {
        if (counted.uncounted().isEmpty()) {
            err().println("the number of examples that add nothing is unknown: topic '" + states
                    + "' could not be read, such as without READ on it");
            return;
        }
        UncountedExamples uncounted = counted.uncounted().get();
        if (uncounted.repeats() > 0) {
            err().println(counted.examples() + " examples, of which " + uncounted.repeats()
                    + " were counted before and add nothing");
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
