package io.tidemark.cli.adapters;

import io.tidemark.adapter.AdapterCheck;
import io.tidemark.adapter.source.AdapterSource;
import io.tidemark.adapter.source.HeldFolder;
import io.tidemark.cli.console.CommandException;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.WorkerStates;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.Parsed;
import io.tidemark.message.TopicJson;
import io.tidemark.model.WeightFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tidemark adapters add NAME SOURCE}: writes the record of an adapter. */
@Command(
        name = "add",
        description = "Publishes an adapter under a name, or replaces the one that the name stands for.",
        footer = {
            "",
            "Examples: an adapter in a bucket, and one whose folder only the workers can read",
            "  tidemark adapters add extract-v2 s3://adapters/extract/v2 --model models/base --wait",
            "  tidemark adapters add extract-v2 file:extract/v2 --digest 3fa2... --label run=417",
            "Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 the time of --wait ran out.",
            "With 3, and with 1 after the line of the record, the record is written. With any other 1 it is not, unless",
            "the message says that it may be."
        })
final class AdapterAdd extends AdapterNameCommand {

    private static final int TIME_RAN_OUT = 3;

    @Parameters(
            index = "1",
            paramLabel = "SOURCE",
            description = "Where workers read the adapter: file:PATH below their root, s3://BUCKET/PREFIX,"
                    + " hf://OWNER/REPOSITORY@COMMIT or oci://REGISTRY/REPOSITORY@sha256:DIGEST.")
    private String source;

    @Mixin
    private SourceFolders folders;

    @Option(
            names = "--digest",
            paramLabel = "HEX",
            description = "SHA-256 over the config, then the safetensors. The source is not read.")
    private Optional<String> digest = Optional.empty();

    @Option(
            names = "--base",
            paramLabel = "DIGEST",
            description = "Digest of the base model. Default: that of --model, otherwise that of the live workers.")
    private Optional<String> base = Optional.empty();

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "Hugging Face folder of the base model, against which the adapter is checked.")
    private Optional<Path> model = Optional.empty();

    @Option(
            names = "--label",
            paramLabel = "KEY=VALUE",
            description = "A label of the record; may be repeated. Tidemark does not read it.")
    private Map<String, String> labels = new LinkedHashMap<>();

    @Option(
            names = "--pinned",
            description = "Load the adapter at once. Adapters that are not pinned are evicted before it.")
    private boolean pinned;

    @Option(
            names = "--wait",
            arity = "0..1",
            fallbackValue = "120",
            paramLabel = "SECONDS",
            description = "Wait until each live worker can serve the record, or has it in memory with --pinned."
                    + " Default without a number: ${FALLBACK-VALUE} s.")
    private Optional<Integer> wait = Optional.empty();

    @Option(
            names = "--json",
            description = "Print one JSON object with 'name', 'offset' and the fields of the record, and with --wait"
                    + " one for each worker.")
    private boolean json;

    /** What was compared before the record was written. */
    private enum Check {
        MODEL("checked against the base model of --model"),
        FILES("checked without a base model: names and shapes of tensors are not checked, --model DIR checks them"),
        NOTHING("the source was not read; the digest is that of --digest");

        private final String text;

        Check(String text) {
            this.text = text;
        }
    }

    @Override
    public Integer call() {
        requireValidName();
        checkOptions();
        AdapterSource parsed = AdapterSource.parse(source);
        AdapterTopic topic = cluster().adapters();
        Optional<WorkerStates> waited = wait.map(seconds -> cluster().workerStates());
        // a wait that is bound to fail must not begin with a record
        KnownWorkers workers = waited.map(states -> new KnownWorkers(states.read()))
                .orElseGet(() -> KnownWorkers.read(cluster(), err(), "the base model of the workers is not compared"));
        requireFreeName(workers);
        String baseDigest = base.or(() -> model.map(WeightFiles::digest)).orElseGet(workers::baseDigest);
        workers.requireServed(baseDigest);
        String adapterDigest = digest.orElseGet(() -> folders.open(open -> {
            try (HeldFolder folder = open.fetch(parsed)) {
                check(folder.path());
                return folder.digest();
            }
        }));
        Stored record =
                new Stored(parsed.toString(), adapterDigest, baseDigest, labels, new AdapterRecord.Options(pinned));
        requireValid(record);
        long offset = topic.put(name(), record);
        print(record, offset);
        return waited.map(states -> await(states, record, offset)).orElse(0);
    }

    private void checkOptions() {
        if (digest.isPresent() && folders.hasRoot()) {
            throw wrongUse("--digest and --root exclude each other: with --digest, the source is not read");
        }
        if (base.isPresent() && model.isPresent()) {
            throw wrongUse("--base and --model exclude each other: --model also gives the digest of the base model");
        }
        requireDigest("--digest", digest);
        requireDigest("--base", base);
        if (wait.filter(seconds -> seconds < 1).isPresent()) {
            throw wrongUse("--wait must be 1 or more");
        }
        model.filter(folder -> !Files.isDirectory(folder)).ifPresent(folder -> {
            throw new CommandException("--model: there is no folder " + folder);
        });
    }

    private void requireDigest(String option, Optional<String> value) {
        if (value.filter(text -> !AdapterRecord.DIGEST.matcher(text).matches()).isPresent()) {
            throw wrongUse(option + " must have 64 lower-case hexadecimal digits");
        }
    }

    private void requireFreeName(KnownWorkers workers) {
        workers.requireOtherName(name());
        if (!workers.haveBase()
                && model.map(AdapterAdd::nameOf).filter(name()::equals).isPresent()) {
            throw new CommandException("'" + name() + "' is the name of the folder of --model, and with it that of the"
                    + " base model, so no adapter can have it; choose another name");
        }
    }

    private static String nameOf(Path folder) {
        return folder.toAbsolutePath().normalize().getFileName().toString();
    }

    private void check(Path folder) {
        if (model.isPresent()) {
            AdapterCheck.withModel(folder, model.get());
        } else {
            AdapterCheck.withoutModel(folder);
        }
    }

    /** Checks the record as workers do. */
    private static void requireValid(Stored record) {
        if (AdapterRecord.parse(TopicJson.write(record)) instanceof Parsed.Invalid<AdapterRecord> invalid) {
            throw new CommandException("workers would refuse the record, so it was not written: "
                    + invalid.error().message());
        }
    }

    private void print(Stored record, long offset) {
        Check check = digest.isPresent() ? Check.NOTHING : model.isPresent() ? Check.MODEL : Check.FILES;
        if (json) {
            out().println(json(record, offset));
        } else {
            out().println("added '" + name() + "': digest " + record.digest() + ", offset " + offset);
        }
        out().flush();
        err().println(check.text);
        err().flush();
    }

    /** Waits for the workers, prints one line for each, and returns the exit code. */
    private int await(WorkerStates states, Stored record, long offset) {
        Rollout rollout = Rollout.await(states, name(), record, offset, Duration.ofSeconds(wait.orElseThrow()));
        rollout.workers().forEach(this::print);
        out().flush();
        if (rollout.hasFailed()) {
            err().println("the record is written, and at least one worker can't serve it; 'tidemark adapters show "
                    + name() + "' shows why");
        } else if (!rollout.isDecided()) {
            err().println("the record is written, but after " + wait.orElseThrow() + " s "
                    + (rollout.workers().isEmpty()
                            ? "no worker with its base model is live"
                            : "not every live worker shows that it has it")
                    + "; 'tidemark adapters show " + name() + "' shows the states");
        }
        err().flush();
        return rollout.hasFailed() ? 1 : rollout.isDecided() ? 0 : TIME_RAN_OUT;
    }

    private void print(NameOnWorker each) {
        if (json) {
            out().println(each.json());
        } else {
            out().println(each.worker().name() + "  " + each.text()
                    + each.message().map(message -> ": " + message).orElse(""));
        }
    }
}
