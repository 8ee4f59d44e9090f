package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.file.FileSend;
import io.tidemark.cli.file.LineResult;
import io.tidemark.cli.file.RequestInput;
import io.tidemark.cli.file.WindowLimits;
import io.tidemark.cli.sending.RequestClient;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.RequestResult;
import io.tidemark.client.Topics;
import io.tidemark.text.LogText;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tidemark send}: sends requests and waits for their results. */
@Command(
        name = "send",
        description = "Sends one request, or those of a JSONL file, and waits until each has its result.",
        footer = {
            "",
            "Examples:",
            "  tidemark send --adapter restaurants --prompt 'Restaurant facts: name[The Eagle]\\nDescription:'",
            "  tidemark send --adapter restaurants --file requests.jsonl --max-tokens 64 --output results.jsonl",
            "Options set the fields that a line of the file does not have. With --output, the same command continues after a",
            "crash or Ctrl-C.",
            "Exit codes of --file: 0 every line has an answer, 3 every line has a result and some are errors,",
            "1 some lines have no result.",
            "\\n in --prompt, --message, --stop and --choice is a line break."
        })
final class SendCommand extends ConsoleCommand {

    /** Fields of data files that are not fields of a request. */
    private static final List<String> LABELS = List.of("completion", "references", "answer");

    private static final int DEFAULT_TIMEOUT = 300;

    /** The exit code if all lines have a result, and some are errors. */
    private static final int ERRORS = 3;

    /** The file name that stands for stdin or stdout. */
    private static final Path STANDARD = Path.of("-");

    @Mixin
    private ClusterOptions cluster;

    @ArgGroup(multiplicity = "1")
    private InputOptions input;

    @Option(
            names = {"--adapter", "--model"},
            paramLabel = "NAME",
            description = "Id of the adapter, or name of the base model: the field 'model' of the request.")
    private Optional<String> model = Optional.empty();

    @Option(names = "--id", paramLabel = "ID", description = "Id of a single request. Default: a generated id.")
    private Optional<String> id = Optional.empty();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "Apply the adapter in this many of the lowest layers. Default: the boundary of the table.")
    private Optional<Integer> boundary = Optional.empty();

    @Option(
            names = "--priority",
            paramLabel = "N",
            description = "Requests with a smaller number run first. Default: 0.")
    private Optional<Integer> priority = Optional.empty();

    @Option(
            names = "--deadline",
            paramLabel = "TIME",
            description = "When the worker ends the request, such as 2026-12-01T12:00:00Z. Default: never.")
    private Optional<Instant> deadline = Optional.empty();

    @Option(
            names = "--timeout-ms",
            paramLabel = "MS",
            description = "Milliseconds after which the worker ends the request. Default: no limit.")
    private Optional<Long> timeoutMs = Optional.empty();

    @Mixin
    private SamplingOptions sampling;

    @ArgGroup(heading = "The format of the answer:%n")
    private FormatOptions format = new FormatOptions();

    @Option(names = "--json", description = "Print each result as one line of JSON, and nothing else.")
    private boolean json;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "Maximum time without a result. Default: " + DEFAULT_TIMEOUT + ".")
    private Optional<Integer> timeout = Optional.empty();

    @Option(
            names = "--output",
            paramLabel = "FILE.jsonl",
            description = "Write the results of --file to this file, one line each, or '-' for stdout. If the file has"
                    + " results, the command continues: it sends only lines that have none.")
    private Optional<Path> output = Optional.empty();

    @Option(
            names = "--max-open",
            paramLabel = "N",
            description = "Maximum number of requests of --file that are open at a time. Default: ${DEFAULT-VALUE}.")
    private int maxOpen = 1000;

    @Option(
            names = "--max-open-bytes",
            paramLabel = "BYTES",
            description = "Maximum bytes of their lines together. Default: 64 MiB.")
    private long maxOpenBytes = 64 << 20;

    /** The input of one request, or a file of requests. */
    static final class InputOptions extends PromptOptions {

        @Option(
                names = "--file",
                paramLabel = "FILE.jsonl",
                description = "A file with one request per line, or '-' for stdin. A line is a request as on the topic,"
                        + " or one of a file for OpenAI's batch API.")
        private Optional<Path> requests = Optional.empty();
    }

    @Override
    public Integer call() {
        if (maxOpen < 1 || maxOpenBytes < 1 || timeout.orElse(1) < 1) {
            throw wrongUse("--max-open, --max-open-bytes and --timeout must be 1 or more");
        }
        Topics topics = cluster.topics();
        if (input.requests.isPresent()) {
            return sendFile(topics, input.requests.get());
        }
        if (output.isPresent()) {
            throw wrongUse("--output requires --file");
        }
        if (model.isEmpty()) {
            throw wrongUse("--adapter is missing: name an adapter, or the base model");
        }
        cluster.cluster().requireTopics(topics.requests(), topics.events(), topics.results());
        List<RequestResult> results;
        try (RequestClient client = new RequestClient(cluster.cluster(), topics)) {
            results = sendOne(client, request());
        }
        if (results.isEmpty()) {
            throw new CommandException("the request had no result within " + timeout.orElse(DEFAULT_TIMEOUT)
                    + " s; is a worker running? 'tidemark serve --role worker'");
        }
        warnOfIgnored(results.get(0).ignoredFields());
        return results.get(0).error().isEmpty() ? 0 : 1;
    }

    private List<RequestResult> sendOne(RequestClient client, ObjectNode request) {
        ResultListener printer = json ? result -> print(result.json()) : new StreamPrinter(out(), err());
        return client.send(List.of(request), printer, seconds());
    }

    private void print(String line) {
        out().println(line);
        out().flush();
    }

    private Duration seconds() {
        return Duration.ofSeconds(timeout.orElse(DEFAULT_TIMEOUT));
    }

    private ObjectNode request() {
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        if (input.message().isPresent()) {
            request.putArray("messages")
                    .addObject()
                    .put("role", "user")
                    .put("content", input.message().get());
        } else {
            request.put("prompt", input.prompt().orElseThrow());
        }
        fill(request);
        return request.put("stream", true)
                .put(
                        "id",
                        id.orElseGet(
                                () -> "send-" + UUID.randomUUID().toString().substring(0, 8)));
    }

    /** Sets the options in a request; fields that the request has are not changed. */
    private void fill(ObjectNode request) {
        model.filter(value -> !request.has("model")).ifPresent(value -> request.put("model", value));
        boundary.filter(value -> !request.has("boundary")).ifPresent(value -> request.put("boundary", value));
        priority.filter(value -> !request.has("priority")).ifPresent(value -> request.put("priority", value));
        deadline.filter(value -> !request.has("deadline"))
                .ifPresent(value -> request.put("deadline", value.toString()));
        timeoutMs.filter(value -> !request.has("timeout_ms")).ifPresent(value -> request.put("timeout_ms", value));
        sampling.fill(request);
        format.fill(request);
    }

    private int sendFile(Topics topics, Path file) {
        notices(err());
        cluster.cluster().requireTopics(topics.requests(), topics.results());
        FileSend send = new FileSend(
                cluster.cluster(), topics, new WindowLimits(maxOpen, maxOpenBytes, seconds()), this::fillLine, err());
        RequestInput requests =
                file.equals(STANDARD) ? new RequestInput.Stream(System.in) : new RequestInput.Named(file);
        Optional<Path> results = output.filter(path -> !path.equals(STANDARD));
        FileSend.Summary summary = results.isPresent()
                ? send.run(requests, results.get())
                : send.run(requests, result -> printResult(result));
        if (summary.results() == 0 && summary.unfinished().isEmpty()) {
            err().println(requests + " is empty: no request was sent");
        }
        results.ifPresent(path -> err().println(path + " has " + summary.results() + " results, " + summary.errors()
                + " of them errors; " + summary.earlier() + " are of earlier runs"));
        warnOfIgnored(summary.ignored());
        summary.unfinished()
                .ifPresent(number -> err().println("line " + number + " of " + requests
                        + " was not sent: it has no line end and is not JSON, so it may be still being written. When it"
                        + " is complete, run the command again"));
        err().flush();
        if (summary.unfinished().isPresent()) {
            return 1;
        }
        return summary.errors() == 0 ? 0 : ERRORS;
    }

    private void warnOfIgnored(Collection<String> fields) {
        fields.forEach(
                field -> err().println("warning: the field '" + LogText.of(field) + "' is unknown and had no effect"));
        err().flush();
    }

    private void notices(PrintWriter err) {
        timeout.ifPresent(value -> err.println("--timeout with --file is the time without a result: " + value + " s"));
        if (id.isPresent()) {
            err.println("--id has no effect with --file: a line has its own id, or one of its file and number");
        }
        if (json && output.isPresent()) {
            err.println("--json has no effect with --output: results are JSON");
        }
        err.flush();
    }

    private void fillLine(ObjectNode request) {
        request.remove(LABELS);
        // nobody would read the events
        request.remove("stream");
        fill(request);
    }

    private void printResult(LineResult result) throws IOException {
        print(json || output.isPresent() ? result.json() : line(result));
        if (out().checkError()) {
            throw new IOException("stdout is closed");
        }
    }

    private static String line(LineResult result) {
        return result instanceof LineResult.Answered answered
                ? line(answered.result())
                : result.id() + "  FAILED "
                        + ((LineResult.Refused) result).error().code() + ": "
                        + ((LineResult.Refused) result).error().message();
    }

    private static String line(RequestResult result) {
        return result.id() + "  "
                + result.error()
                        .map(error -> "FAILED " + error)
                        .orElseGet(() -> "%s, boundary %d of %d, %d tokens:%s"
                                .formatted(
                                        result.adapter(),
                                        result.boundary(),
                                        result.numLayers(),
                                        result.completionTokens(),
                                        result.text().replace('\n', ' ')));
    }

    /**
     * Prints the text of one request to stdout while it is generated, and a summary to stderr. Another attempt usually
     * generates the same text: then nothing is printed twice. If the text differs from what is printed, it is printed
     * from its beginning on a new line, so that the last lines of stdout are the text of the result.
     */
    static final class StreamPrinter implements ResultListener {

        private final PrintWriter out;
        private final PrintWriter err;
        private final StringBuilder attempt = new StringBuilder();
        private String printed = "";

        StreamPrinter(PrintWriter out, PrintWriter err) {
            this.out = out;
            this.err = err;
        }

        @Override
        public void onText(String id, int choice, String chunk) {
            if (choice == 0) {
                String text = attempt.append(chunk).toString();
                if (!printed.startsWith(text)) {
                    print(text);
                }
            }
        }

        @Override
        public void onRestart(String id) {
            attempt.setLength(0);
        }

        @Override
        public void onResult(RequestResult result) {
            Optional<String> error = result.error();
            // Events and results are on different topics, so the result can arrive before the last events.
            if (error.isEmpty()) {
                print(result.text());
            }
            if (error.isEmpty() || !printed.isEmpty()) {
                out.println();
                out.flush();
            }
            err.println(error.orElseGet(() -> "%s, boundary %d of %d, %d tokens, %.0f tokens/s, %s"
                    .formatted(
                            result.adapter(),
                            result.boundary(),
                            result.numLayers(),
                            result.completionTokens(),
                            result.tokensPerSecond(),
                            result.finishReason())));
            err.flush();
        }

        private void print(String text) {
            if (text.startsWith(printed)) {
                out.print(text.substring(printed.length()));
            } else {
                out.println();
                out.print(text);
            }
            out.flush();
            printed = text;
        }
    }
}
