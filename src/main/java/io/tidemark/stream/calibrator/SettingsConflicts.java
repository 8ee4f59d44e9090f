package io.tidemark.stream.calibrator;

import io.tidemark.calibration.RuleDecision;
import io.tidemark.calibration.RuleDecision.EpochEnd;
import io.tidemark.stream.calibrator.DecisionRecords.Decided;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Detects calibrators of the same group with other settings. The settings of a process do not change. An epoch of other
 * settings after one of its own was therefore begun by another calibrator. One instance for a process. Not thread-safe;
 * used by the calibrator's thread only.
 */
final class SettingsConflicts {

    /** By adapter: the digest of the last version that has an epoch with the settings of this process. */
    private final Map<String, String> own = new HashMap<>();

    /** Whether the decisions have ended an epoch that another calibrator has begun with other settings. */
    boolean isConflict(Decided decided) {
        if (decided.decisions().isEmpty()) {
            return false;
        }
        String digest = decided.version().digest();
        boolean hadOwn = digest.equals(own.put(decided.adapter(), digest));
        return hadOwn
                && decided.decisions().stream()
                        .map(RuleDecision::epochEnd)
                        .anyMatch(Optional.of(EpochEnd.SETTINGS)::equals);
    }
}
