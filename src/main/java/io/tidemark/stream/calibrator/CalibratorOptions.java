package io.tidemark.stream.calibrator;

import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings.Mode;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TransactionalId;
import java.time.Duration;
import java.util.Map;

/**
 * The settings of a calibrator.
 *
 * @param topics           the topics, which exist already
 * @param process          transactional id of this process, and its client id in the group that shares the batches
 * @param settings         the settings of the rule that decides on boundaries
 * @param objective        what is preferred among certified boundaries
 * @param mode             whether boundaries are published
 * @param decisionInterval a decision that changes nothing is recorded at most once in this time for each adapter; 0
 *                         records all
 */
public record CalibratorOptions(
        TopicLayout topics,
        TransactionalId process,
        RuleSettings settings,
        Objective objective,
        Mode mode,
        Duration decisionInterval) {

    /** The rule for a model with this number of layers. */
    BoundaryRule rule(int numLayers) {
        return new BoundaryRule(settings, objective, numLayers);
    }

    /** What calibrators of a group must have in common although a difference begins no new epoch. */
    Map<String, String> shared() {
        return settings.shared(objective);
    }
}
