package io.tidemark.cli.demo;

import io.tidemark.cli.client.AnswerListener;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import java.util.List;
import java.util.Map;

/** What a person, or a program, gets to see of a demo. All calls come from the thread that runs it. */
interface DemoView {

    void starting(DemoFolder folder);

    /** Broker, worker and calibrator stand. */
    void ready(String broker, List<String> topics, double seconds);

    /** A few tokens that are not shown. */
    void warmingUp();

    /**
     * A round begins.
     *
     * @param prompts request id to its prompt, in the order in which they are sent
     * @return hears of tokens and results while the round runs
     */
    AnswerListener round(int round, Map<String, String> prompts);

    /** An adapter's validation examples are on their way. */
    void calibrating(String adapter, int examples);

    /** So many of the examples are in the boundary's statistics. */
    void progress(int examples);

    void calibrated(Calibration calibration);

    /** Both rounds are over; {@code before} and {@code after} answer the same prompts in the same order. */
    void compare(List<Reply> before, List<Reply> after, List<Calibration> calibrations);

    void finished(DemoReport report);

    /** Broker and worker stay up until Ctrl-C. */
    void keeping(String broker, String adapter, String prompt);
}
