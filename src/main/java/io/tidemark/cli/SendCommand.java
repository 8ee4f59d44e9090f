package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.sending.RequestClient;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.client.RequestResult;
import io.tidemark.client.Topics;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tidemark send}: sends requests and waits for their results. */
@Command(
        name = "send",
        description = "Sends one request, or those of a JSONL file, and waits until each has its result.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  tidemark send --adapter restaurants --prompt 'Restaurant facts: name[The Eagle]\\nDescription:'",
            "  tidemark send --adapter restaurants --file requests.jsonl --max-tokens 64 --json > results.jsonl",
            "A line of the file is a request as on the topic; options set the fields that a line does not have.",
            "\\n in --prompt, --message and --stop is a line break."
        })
final class SendCommand implements Callable<Integer> {

    /** Fields of data files that are not fields of a request. */
    private static final List<String> LABELS = List.of("completion", "references", "answer");

    @Spec
    private CommandSpec spec;

    @Mixin
    private ClusterOptions cluster;

    @ArgGroup(multiplicity = "1")
    private Input input;

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

    @Option(names = "--json", description = "Print each result as one line of JSON, and nothing else.")
    private boolean json;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "300",
            description = "Maximum time that this command waits for the last result. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds;

    /** The input of one request, or a file of requests. */
    static final class Input extends PromptOptions {

        @Option(names = "--file", paramLabel = "FILE.jsonl", description = "A file with one request per line.")
        private Optional<Path> requests = Optional.empty();
    }

    @Override
    public Integer call() {
        Topics topics = cluster.topics();
        cluster.cluster().requireTopics(topics.requests(), topics.events(), topics.results());
        List<ObjectNode> requests = complete(requests());
        List<RequestResult> results;
        try (RequestClient client = new RequestClient(cluster.cluster(), topics)) {
            results = send(client, requests);
        }
        if (results.size() < requests.size()) {
            throw new CommandException((requests.size() - results.size()) + " of " + requests.size()
                    + " requests had no result within " + timeoutSeconds
                    + " s; is a worker running? 'tidemark serve --role worker'");
        }
        return results.stream().allMatch(result -> result.error().isEmpty()) ? 0 : 1;
    }

    private List<ObjectNode> requests() {
        if (input.requests.isPresent()) {
            return new DataFile(input.requests.get()).objects();
        }
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        if (input.message().isPresent()) {
            request.putArray("messages")
                    .addObject()
                    .put("role", "user")
                    .put("content", input.message().get());
        } else {
            request.put("prompt", input.prompt().orElseThrow());
        }
        return List.of(request);
    }

    /** @throws CommandException when two requests have the same id, because their events could not be matched */
    private List<ObjectNode> complete(List<ObjectNode> requests) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        Set<String> ids = new HashSet<>();
        for (ObjectNode request : requests) {
            request.remove(LABELS);
            model.filter(value -> !request.has("model")).ifPresent(value -> request.put("model", value));
            boundary.filter(value -> !request.has("boundary")).ifPresent(value -> request.put("boundary", value));
            priority.filter(value -> !request.has("priority")).ifPresent(value -> request.put("priority", value));
            deadline.filter(value -> !request.has("deadline"))
                    .ifPresent(value -> request.put("deadline", value.toString()));
            timeoutMs.filter(value -> !request.has("timeout_ms")).ifPresent(value -> request.put("timeout_ms", value));
            sampling.fill(request);
            if (!request.has("stream")) {
                request.put("stream", true);
            }
            if (!request.hasNonNull("id")) {
                request.put("id", requests.size() == 1 ? id.orElse("send-" + run) : "send-" + run + "-" + ids.size());
            }
            if (!ids.add(request.path("id").asText())) {
                throw new CommandException(
                        "two requests have the id '" + request.path("id").asText() + "'");
            }
        }
        return requests;
    }

    private List<RequestResult> send(RequestClient client, List<ObjectNode> requests) {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        Duration timeout = Duration.ofSeconds(timeoutSeconds);
        if (requests.size() == 1 && !json) {
            return client.send(requests, new StreamPrinter(out, err), timeout);
        }
        try (Progress progress = Progress.start("requests", requests.size(), err)) {
            int[] done = {0};
            ResultListener printer = result -> {
                out.println(json ? result.json() : line(result));
                out.flush();
                progress.stepTo(++done[0]);
            };
            return client.send(requests, printer, timeout);
        }
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
            out.println();
            out.flush();
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
