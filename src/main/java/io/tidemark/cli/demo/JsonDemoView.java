package io.tidemark.cli.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.UncheckedIOException;

/** One JSON object on stdout at the end; all else is silence. */
final class JsonDemoView implements DemoView {

    private final PrintWriter out;
    private final PrintWriter err;

    JsonDemoView(PrintWriter out, PrintWriter err) {
        this.out = out;
        this.err = err;
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
