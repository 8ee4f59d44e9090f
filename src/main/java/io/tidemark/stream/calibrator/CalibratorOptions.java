package io.tidemark.stream.calibrator;

import io.tidemark.calibration.CalibrationPolicy;
import io.tidemark.stream.topics.TopicLayout;

/**
 * The settings of a calibrator.
 *
 * @param topics          exist already
 * @param group           the consumer group that shares the batches
 * @param transactionalId the transactional id of the producer, unique for each process
 * @param policy          how boundaries are chosen
 */
public record CalibratorOptions(TopicLayout topics, String group, String transactionalId, CalibrationPolicy policy) {}
