package io.tidemark.cli.demo;

import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.client.AnswerListener;
import java.util.List;
import java.util.Map;

/** What a person, or a program, gets to see of a demo: what a view leaves out is not shown. All calls come from one thread. */
interface DemoView {

    default void starting(DemoFolder folder) {}

    /** Broker, worker and calibrator stand. */
    default void ready(String broker, List<String> topics, double seconds) {}

    /** A few tokens that are not shown. */
    default void warmingUp() {}

    /**
     * A round begins.
     *
     * @param prompts request id to its prompt, in the order in which they are sent
     * @return hears of tokens and results while the round runs
     */
    default AnswerListener round(int round, Map<String, String> prompts) {
        return AnswerListener.SILENT;
    }

    /** An adapter's validation examples are on their way. */
    default void calibrating(String adapter, int examples) {}

    /** So many of the examples are in the boundary's statistics. */
    default void progress(int examples) {}

    default void calibrated(Calibration calibration) {}

    /** Both rounds are over; {@code before} and {@code after} answer the same prompts in the same order. */
    default void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations) {}

    void finished(DemoReport report);

    /** Broker and worker stay up until Ctrl-C. */
    void keeping(String broker, String adapter, String prompt);
}
