package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.client.Answer;
import io.tidemark.client.AnswerListener;
import io.tidemark.client.RequestClient;
import io.tidemark.client.Topics;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tidemark send}: requests onto {@code generation-requests}, followed until each has its result. */
@Command(
        name = "send",
        description = "Sends one request, or those of a JSONL file, and follows them until each has its result.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  tidemark send --adapter restaurants --prompt 'Restaurant facts: name[The Eagle]\\nDescription:'",
            "  tidemark send --adapter restaurants --file requests.jsonl --max-tokens 64 --json > results.jsonl",
            "A line of the file is a request as on the topic; options fill in the fields that it leaves out.",
            "\\n in --prompt, --message and --stop is a line break."
        })
final class SendCommand implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private BrokerAddress broker;

    @ArgGroup(multiplicity = "1")
    private Source source;

    @Mixin
    private RequestFields fields;

    @Option(names = "--json", description = "Print each result as the JSON record that it is, and nothing else.")
    private boolean json;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "300",
            description = "How long to wait for the last result. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds;

    /** Where the requests come from: exactly one of these. */
    static final class Source {

        @Option(
                names = "--prompt",
                paramLabel = "TEXT",
                converter = LineBreaks.class,
                description = "The prompt, as the adapter was trained to see it.")
        private Optional<String> prompt = Optional.empty();

        @Option(
                names = "--message",
                paramLabel = "TEXT",
                converter = LineBreaks.class,
                description = "A user's message for the model's chat template.")
        private Optional<String> message = Optional.empty();

        @Option(names = "--file", paramLabel = "FILE.jsonl", description = "A file with one request a line.")
        private Optional<Path> file = Optional.empty();
    }

    @Override
    public Integer call() {
        Topics topics = broker.topics();
        broker.cluster().requireTopics(topics.requests(), topics.events(), topics.results());
        List<ObjectNode> requests = fields.complete(requests());
        try (RequestClient client = new RequestClient(broker.cluster(), topics)) {
            List<Answer> answers = client.ask(requests, printer(requests.size()), Duration.ofSeconds(timeoutSeconds));
            if (answers.size() < requests.size()) {
                throw new CommandFailed((requests.size() - answers.size()) + " of " + requests.size()
                        + " requests had no result within " + timeoutSeconds
                        + " s; is a worker running? 'tidemark serve --role worker'");
            }
            return answers.stream().allMatch(answer -> answer.error().isEmpty()) ? 0 : 1;
        }
    }

    private List<ObjectNode> requests() {
        if (source.file.isPresent()) {
            return JsonLines.read(source.file.get());
        }
        return List.of(
                source.prompt.isPresent()
                        ? RequestFields.ofPrompt(source.prompt.get())
                        : RequestFields.ofMessage(source.message.orElseThrow()));
    }

    private AnswerListener printer(int requests) {
        PrintWriter out = spec.commandLine().getOut();
        if (requests == 1 && !json) {
            return new StreamedAnswer(out, spec.commandLine().getErr());
        }
        return answer -> {
            out.println(json ? answer.json() : line(answer));
            out.flush();
        };
    }

    private static String line(Answer answer) {
        return answer.id() + "  "
                + answer.error()
                        .map(error -> "FAILED " + error)
                        .orElseGet(() -> "%s, boundary %d of %d, %d tokens:%s"
                                .formatted(
                                        answer.adapter(),
                                        answer.boundary(),
                                        answer.numLayers(),
                                        answer.completionTokens(),
                                        answer.text().replace('\n', ' ')));
    }
}
