package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Published;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.plot.CharacterPlot;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.text.WordUtils;
import picocli.CommandLine.Help.Ansi;

/** Prints the demo as text. */
final class TerminalDemoView implements DemoView {

    private static final int WIDTH = 50;
    private static final String ROW = "  %-" + WIDTH + "s | %s%n";

    private final PrintWriter out;
    private final PrintWriter err;
    private Optional<Progress> progress = Optional.empty();
    private int examples;
    private boolean isExplained;

    TerminalDemoView(PrintWriter out, PrintWriter err) {
        this.out = out;
        this.err = err;
    }

    @Override
    public void starting(DemoFolder folder) {
        line("Starting a Kafka broker, a worker and a calibrator in this process, with the model and adapters in "
                + folder.root() + " …");
    }

    @Override
    public void ready(String broker, List<String> topics, double seconds) {
        line(String.format("Ready after %.1f s. Broker: %s", seconds, broker));
        line("Topics: " + String.join(", ", topics));
    }

    @Override
    public void warmingUp() {
        line("Warming up with requests for each adapter …");
    }

    @Override
    public ResultListener round(int round, Map<String, String> prompts) {
        heading(
                round == 1
                        ? "Round 1: requests on 'generation-requests', streamed text from 'generation-events'"
                        : "Round 2: the same requests at the new boundaries");
        return new RoundPrinter(out, prompts);
    }

    @Override
    public void calibrating(String adapter, int count, int batchSize) {
        heading("Calibration of '" + adapter + "': " + count + " examples in batches of " + batchSize
                + " on 'validation-batches'");
        examples = count;
        progress = Optional.of(Progress.start("examples", count, err));
    }

    @Override
    public void progress(int done) {
        progress.orElseThrow().stepTo(done, done + " of " + examples + " examples");
    }

    @Override
    public void calibrated(Calibration calibration) {
        progress.orElseThrow().close();
        DecisionEvidence evidence = new DecisionEvidence(calibration.decisions());
        out.print(CharacterPlot.of(evidence.plot()));
        line("Decisions on 'boundary-decisions':");
        out.print(evidence.table());
        if (!isExplained) {
            out.print(evidence.explanation());
            isExplained = true;
        }
        line(String.format(
                "%s (%s, %d examples, %.1f s).",
                evidence.verdict(calibration.boundaryBefore()),
                calibration.objective(),
                calibration.samples(),
                calibration.seconds()));
    }

    @Override
    public void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {
        heading("Before and after");
        out.print(comparison(before, after, calibrations));
        out.flush();
    }

    @Override
    public ResultListener formats(Map<String, String> prompts) {
        heading("Answers with a format");
        return new RoundPrinter(out, prompts);
    }

    @Override
    public void published(Published published) {
        heading("An adapter that a record on 'adapters' adds");
        line(String.format(
                "'%s' is %s, digest %s…, offset %d. Its first result came %.1f s after the record.",
                published.name(),
                published.source(),
                published.digest().substring(0, 12),
                published.offset(),
                published.seconds()));
    }

    @Override
    public void finished(DemoReport report) {
        line("Broker, worker and calibrator ran as in production. 'tidemark demo --keep' keeps them running.");
    }

    @Override
    public void keeping(String broker, String adapter, String prompt) {
        heading("Running until Ctrl-C");
        out.print(clientExamples(broker, adapter, prompt));
        out.flush();
    }

    private void heading(String text) {
        line("");
        line(Ansi.AUTO.string("@|bold " + text + "|@"));
    }

    private void line(String text) {
        out.println(text);
        out.flush();
    }

    /** Both rounds as two columns, with one block per request. */
    static String comparison(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {
        Map<String, Calibration> byAdapter =
                calibrations.stream().collect(Collectors.toMap(Calibration::adapter, Function.identity()));
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < before.size(); i++) {
            Reply left = before.get(i);
            Reply right = after.get(i);
            table.append(String.format("  %s%n", left.adapter()));
            List<String> leftLines = lines(left, byAdapter.get(left.adapter()));
            List<String> rightLines = lines(right, byAdapter.get(right.adapter()));
            for (int line = 0; line < Math.max(leftLines.size(), rightLines.size()); line++) {
                table.append(String.format(ROW, at(leftLines, line), at(rightLines, line)));
            }
            table.append(System.lineSeparator());
        }
        return table.toString();
    }

    /** The log-likelihood is that of the last decision: the mean over the validation examples. */
    private static List<String> lines(Reply reply, Calibration calibration) {
        List<String> lines = new ArrayList<>();
        lines.add("boundary " + reply.boundary() + " of " + reply.numLayers());
        lines.add(String.format("gold log-likelihood %.3f nats/token", calibration.logLikelihood(reply.boundary())));
        lines.add(String.format(
                "%d tokens, %.2f s, %.0f tokens/s",
                reply.completionTokens(), reply.seconds(), reply.tokensPerSecond()));
        WordUtils.wrap(reply.text().strip(), WIDTH, "\n", true).lines().forEach(lines::add);
        return lines;
    }

    private static String at(List<String> lines, int index) {
        return index < lines.size() ? lines.get(index) : "";
    }

    /** Commands that send a request to the running demo. */
    private static String clientExamples(String broker, String adapter, String prompt) {
        String request = JsonNodeFactory.instance
                .objectNode()
                .put("id", "mine-1")
                .put("model", adapter)
                .put("prompt", prompt)
                .put("max_tokens", 64)
                .put("temperature", 0)
                .toString();
        return """
                Send a request with Tidemark's client:
                  bin/tidemark send --broker %1$s --adapter %2$s --max-tokens 64 --temperature 0 --prompt %3$s
                Any Kafka client works: write this value to 'generation-requests' and read 'generation-results':
                  %4$s
                For example with kcat:
                  echo %5$s | kcat -P -b %1$s -t generation-requests
                  kcat -C -b %1$s -t generation-results -e
                List the boundaries:
                  bin/tidemark boundaries list --broker %1$s
                """.formatted(broker, adapter, quoted(prompt.replace("\n", "\\n")), request, quoted(request));
    }

    /** Quotes one word for a POSIX shell. */
    private static String quoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }
}
