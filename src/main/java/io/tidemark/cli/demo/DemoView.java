package io.tidemark.cli.demo;

import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Published;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.message.TopicJson;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** The output of a demo. Steps without a method in a view are not shown. All calls come from one thread. */
interface DemoView {

    default void starting(DemoFolder folder) {}

    /** Broker, worker and calibrator are ready. */
    default void ready(String broker, List<String> topics, double seconds) {}

    /** Requests without output follow. */
    default void warmingUp() {}

    /**
     * A round begins.
     *
     * @param prompts request id to its prompt, in the order in which they are sent
     * @return receives text and results while the round runs
     */
    default ResultListener round(int round, Map<String, String> prompts) {
        return ResultListener.NONE;
    }

    /** The validation examples of an adapter are sent. */
    default void calibrating(String adapter, int examples, int batchSize) {}

    /** This many of the examples are processed. */
    default void progress(int examples) {}

    default void calibrated(Calibration calibration) {}

    /** Both rounds are done; {@code before} and {@code after} have the same prompts in the same order. */
    default void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {}

    /**
     * Requests whose answers have a format follow.
     *
     * @param prompts request id to its prompt and format, in the order in which they are sent
     * @return receives text and results
     */
    default ResultListener formats(Map<String, String> prompts) {
        return ResultListener.NONE;
    }

    /** An adapter was added, and a request got it. */
    default void published(Published published) {}

    void finished(DemoReport report);

    /** Broker and worker run until Ctrl-C. */
    void keeping(String broker, String adapter, String prompt);

    /** Prints one JSON object to stdout at the end, and nothing else. */
    final class Json implements DemoView {

        private final PrintWriter out;
        private final PrintWriter err;

        Json(PrintWriter out, PrintWriter err) {
            this.out = out;
            this.err = err;
        }

        @Override
        public void finished(DemoReport report) {
            out.println(new String(TopicJson.write(report), StandardCharsets.UTF_8));
            out.flush();
        }

        @Override
        public void keeping(String broker, String adapter, String prompt) {
            err.println("broker and worker run at " + broker + " until Ctrl-C");
            err.flush();
        }
    }
}
