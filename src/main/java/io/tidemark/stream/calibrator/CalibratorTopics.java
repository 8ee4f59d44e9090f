package io.tidemark.stream.calibrator;

import io.tidemark.stream.topics.TopicLayout;

/** The topics a calibrator reads and writes. */
public record CalibratorTopics(String batches, String deadLetters, String state, String boundaries) {

    public static CalibratorTopics of(TopicLayout layout) {
        return new CalibratorTopics(
                layout.validationBatches().name(),
                layout.validationDeadLetters().name(),
                layout.calibrationState().name(),
                layout.boundaries().name());
    }
}
