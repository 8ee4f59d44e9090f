package io.tidemark.cli.file;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.cli.console.Progress;
import io.tidemark.client.ClientException;
import io.tidemark.client.Cluster;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.Limits;
import io.tidemark.client.RequestTopic;
import io.tidemark.client.TidemarkClient;
import io.tidemark.client.Topics;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * Sends the requests of an input over a Kafka cluster. Their results go to a file, which a later run continues, or to a
 * sink. Used by one thread.
 */
public final class FileSend {

    /** The clocks of brokers, workers and this machine differ by less. */
    private static final Duration CLOCKS = Duration.ofMinutes(5);

    private static final Duration NEVER = Duration.ofDays(365);
    private static final long SAVE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final int MAX_IGNORED = 100;

    private final Cluster cluster;
    private final Topics topics;
    private final WindowLimits limits;
    private final Consumer<ObjectNode> options;
    private final PrintWriter err;

    /**
     * @param options changes the fields of each request before it is sent
     * @param err     stderr, for the progress
     */
    public FileSend(
            Cluster cluster, Topics topics, WindowLimits limits, Consumer<ObjectNode> options, PrintWriter err) {
        this.cluster = cluster;
        this.topics = topics;
        this.limits = limits;
        this.options = options;
        this.err = err;
    }

    /**
     * What the output contains.
     *
     * @param results    how many results the output has, with those of earlier runs
     * @param errors     how many of them are errors
     * @param earlier    how many results earlier runs have written
     * @param unfinished the number of the last line if it has no result, because it has no line feed and is not JSON
     * @param ignored    the fields that the workers ignored in this run, without the places in lists; at most {@value
     *                   #MAX_IGNORED}
     */
    public record Summary(
            long results, long errors, long earlier, OptionalLong unfinished, SortedSet<String> ignored) {}

    /**
     * Sends the lines that have no result in a file, and waits until each has one. Requests that an earlier run has
     * sent are not sent again.
     *
     * @throws CommandException when a file cannot be read or written, or there is no result for too long
     * @throws io.tidemark.client.ClientException when Kafka refuses an operation
     */
    public Summary run(RequestInput input, Path output) {
        LineIds ids = input.ids(output.toAbsolutePath().normalize().toString());
        FinishedIds finished = new FinishedIds(ids);
        boolean isNew = !output.toFile().exists();
        requireOther(input, output);
        try (ResultFile file = ResultFile.open(output, finished)) {
            Journal journal = Journal.open(output, ids, isNew, Instant.now());
            String restart = "the same command" + input.again() + " continues " + output;
            Run run = new Run(ids, finished, file, Optional.of(journal), restart, file.results(), file.errors());
            run.send(input);
            journal.delete();
            return run.summary();
        } catch (IOException | UncheckedIOException e) {
            throw new CommandException(output + " cannot be written: " + FailureText.oneLine(e), e);
        }
    }

    private static void requireOther(RequestInput input, Path output) {
        try {
            if (input.isSameFile(output)) {
                throw new CommandException(output + " is the input; name another output");
            }
        } catch (IOException e) {
            throw new CommandException(output + " cannot be read: " + FailureText.oneLine(e), e);
        }
    }

    /** Sends all lines and waits for their results, which go to a sink. A later run cannot continue them. */
    public Summary run(RequestInput input, ResultSink sink) {
        LineIds ids = input.ids(Instant.now().toString());
        String restart = "the same command sends all lines again; with --output FILE, it would continue the file";
        Run run = new Run(ids, new FinishedIds(ids), sink, Optional.empty(), restart, 0, 0);
        try {
            run.send(input);
        } catch (UncheckedIOException e) {
            throw new CommandException("a result cannot be written: " + FailureText.oneLine(e), e);
        }
        return run.summary();
    }

    /** One run; counts results. */
    private final class Run {

        private final LineIds ids;
        private final FinishedIds finished;
        private final ResultSink sink;
        private final Optional<Journal> journal;
        private final String restart;
        private final OpenWindow window = new OpenWindow(limits, System::nanoTime);
        private final SortedSet<String> ignored = new ConcurrentSkipListSet<>();
        private final long earlier;
        private volatile long results;
        private volatile long errors;
        private OptionalLong unfinished = OptionalLong.empty();
        private long saved = System.nanoTime();

        private Run(
                LineIds ids,
                FinishedIds finished,
                ResultSink sink,
                Optional<Journal> journal,
                String restart,
                long results,
                long errors) {
            this.ids = ids;
            this.finished = finished;
            this.sink = sink;
            this.journal = journal;
            this.restart = restart;
            this.earlier = results;
            this.results = results;
            this.errors = errors;
        }

        private Summary summary() {
            return new Summary(results, errors, earlier, unfinished, ignored);
        }

        /** Writes and counts a result. One thread at a time calls this. */
        private void write(LineResult result) throws IOException {
            sink.write(result);
            if (result instanceof LineResult.Answered answered) {
                answered.result().ignoredFields().stream()
                        .map(path -> path.replaceAll("\\[\\d+]", "[]"))
                        .filter(path -> ignored.size() < MAX_IGNORED)
                        .forEach(ignored::add);
            }
            errors += result.isError() ? 1 : 0;
            results++;
        }

        private void send(RequestInput input) {
            long total = input.count(journal.map(Journal::state));
            Map<String, FileRun.Sent> sent = sentBefore();
            try (InputStream in = input.open();
                    TidemarkClient client = client(sent.size());
                    Progress progress = Progress.startAt("requests", results, total, err);
                    EarlyEnd end = EarlyEnd.watch(() -> {
                        progress.close();
                        printRest(total);
                    })) {
                try {
                    FileRun run = new FileRun(client, window, finished, this::write, Clock.systemUTC());
                    journal.ifPresent(
                            each -> run.attach(sent, each.state().since().minus(CLOCKS)));
                    RequestLines lines = new RequestLines(in, ids, options);
                    unfinished =
                            run.send(lines, journal.map(each -> each.state().run()), () -> {
                                progress.stepTo(results);
                                save(lines);
                            });
                    progress.stepTo(results);
                    end.cancel();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new CommandException("interrupted", e);
                } finally {
                    client.close(Duration.ZERO);
                }
            } catch (IOException e) {
                throw new CommandException(input + " cannot be read: " + FailureText.oneLine(e), e);
            }
        }

        private void printRest(long total) {
            err.println(results + (total < 0 ? "" : " of " + total) + " lines have a result; " + restart);
            err.flush();
        }

        /** The results in the file reach the disk before the journal says that nothing earlier is open. */
        private void save(RequestLines lines) {
            if (journal.isEmpty() || System.nanoTime() - saved < SAVE_NANOS) {
                return;
            }
            Instant since = window.oldest(Instant.now());
            try {
                sink.force();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            journal.get().save(since, lines.read(), lines.digest());
            saved = System.nanoTime();
        }

        private Map<String, FileRun.Sent> sentBefore() {
            Map<String, FileRun.Sent> sent = new LinkedHashMap<>();
            journal.filter(Journal::continues).ifPresent(each -> {
                Journal.State state = each.state();
                try {
                    new RequestTopic(cluster, topics)
                            .readSince(
                                    state.since().minus(CLOCKS),
                                    FileRun.HEADER,
                                    (id, header, source) -> FileRun.format(state.run(), header)
                                            .filter(format -> !finished.isFinished(id))
                                            .ifPresent(format ->
                                                    sent.putIfAbsent(id, new FileRun.Sent(id, format, source))));
                } catch (ClientException.AccessDenied e) {
                    throw new CommandException(
                            "a run that continues a file needs the right READ on topic '" + topics.requests()
                                    + "', to find the requests that were sent: "
                                    + e.getCause().getMessage() + ". Grant it, or remove '" + each.path()
                                    + "': the next run then sends the lines without a result again",
                            e);
                }
            });
            return sent;
        }
    }

    /** Runs an action once if the work is not complete at a signal or at the end of the block. */
    private static final class EarlyEnd implements AutoCloseable {

        private final AtomicReference<Runnable> action;
        private final Thread hook = new Thread(this::run, "tidemark-early-end");

        private EarlyEnd(Runnable action) {
            this.action = new AtomicReference<>(action);
        }

        /** @param action runs on the thread of a shutdown hook, or of the caller */
        static EarlyEnd watch(Runnable action) {
            EarlyEnd end = new EarlyEnd(action);
            Runtime.getRuntime().addShutdownHook(end.hook);
            return end;
        }

        /** The work is complete. */
        void cancel() {
            action.set(() -> {});
        }

        private void run() {
            action.getAndSet(() -> {}).run();
        }

        @Override
        public void close() {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                return; // a signal ends the process, and the hook runs
            }
            run();
        }
    }

    private TidemarkClient client(int attached) {
        // the window has the limits of this run; a request is open in the client a little longer than in the window
        return KafkaTidemarkClient.builder(cluster)
                .topics(topics)
                .callbacks(Runnable::run)
                .limits(Limits.DEFAULT
                        .withOpenRequests(Math.max(limits.requests(), attached) + 1)
                        .withTime(NEVER))
                .build();
    }
}
