package io.tidemark.cli.demo;

import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.client.AnswerListener;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Help.Ansi;

/** The demo for a person at a terminal. */
final class TerminalDemoView implements DemoView {

    private final PrintWriter out;
    private SweepProgress progress;

    TerminalDemoView(PrintWriter out) {
        this.out = out;
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
        line("Warming up with a few tokens for each adapter, so that both rounds run equally warm …");
    }

    @Override
    public AnswerListener round(int round, Map<String, String> prompts) {
        heading(
                round == 1
                        ? "Round 1: requests on 'generation-requests', tokens from 'generation-events' as they come"
                        : "Round 2: the same requests, at the boundaries that hold now");
        return new StreamedRound(out, prompts);
    }

    @Override
    public void calibrating(String adapter, int examples) {
        heading("Calibration of '" + adapter + "': " + examples + " examples on 'validation-batches'");
        progress = SweepProgress.of(examples);
    }

    @Override
    public void progress(int examples) {
        progress.reached(examples);
    }

    @Override
    public void calibrated(Calibration calibration) {
        progress.close();
        out.println(CurvePlot.of(calibration));
        int after = calibration.boundaryAfter();
        String verdict = calibration.boundaryBefore() == after
                ? "stays at " + after
                : "moves from " + calibration.boundaryBefore() + " to " + after;
        line(String.format(
                "On 'adapter-boundaries': the boundary of '%s' %s of %d layers (%s, %d examples, %.1f s).",
                calibration.adapter(),
                verdict,
                calibration.numLayers(),
                calibration.objective(),
                calibration.samples(),
                calibration.seconds()));
    }

    @Override
    public void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {
        heading("Before and after");
        out.print(new Comparison(calibrations).table(before, after));
        out.flush();
    }

    @Override
    public void finished(DemoReport report) {
        line(
                "That was the broker, worker and calibrator as in production. 'tidemark demo --keep' leaves them running.");
    }

    @Override
    public void keeping(String broker, String adapter, String prompt) {
        heading("Running until Ctrl-C");
        out.print(KeepText.of(broker, adapter, prompt));
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
}
