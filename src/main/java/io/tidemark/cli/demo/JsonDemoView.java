package io.tidemark.cli.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.cli.client.AnswerListener;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;

/** One JSON object on stdout at the end; all else is silence. */
final class JsonDemoView implements DemoView {

    private final PrintWriter out;
    private final PrintWriter err;

    JsonDemoView(PrintWriter out, PrintWriter err) {
        this.out = out;
        this.err = err;
    }

    @Override
    public void starting(DemoFolder folder) {
    }

    @Override
    public void ready(String broker, List<String> topics, double seconds) {
    }

    @Override
    public void warmingUp() {
    }

    @Override
    public AnswerListener round(int round, Map<String, String> prompts) {
        return AnswerListener.SILENT;
    }

    @Override
    public void calibrating(String adapter, int examples) {
    }

    @Override
    public void progress(int examples) {
    }

    @Override
    public void calibrated(Calibration calibration) {
    }

    @Override
    public void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {
    }

    @Override
    public void finished(DemoReport report) {
        try {
            out.println(new ObjectMapper().writeValueAsString(report));
            out.flush();
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException("a report that cannot be written", e);
        }
    }

    @Override
    public void keeping(String broker, String adapter, String prompt) {
        err.println("broker and worker stay up at " + broker + " until Ctrl-C");
        err.flush();
    }
}
