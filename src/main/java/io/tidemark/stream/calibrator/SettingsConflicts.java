package io.tidemark.stream.calibrator;

import io.tidemark.calibration.RuleDecision;
import io.tidemark.calibration.RuleDecision.EpochEnd;
import io.tidemark.stream.calibrator.DecisionRecords.Decided;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Detects calibrators of the same group with other settings. The settings of a process do not change. An epoch of other
 * settings after one of its own was therefore begun by another calibrator. One instance for a process. Not thread-safe;
 * used by the calibrator's thread only.
 */
final class SettingsConflicts {

    /** The digests of the adapter versions that have an epoch with the settings of this process. */
    private final Set<String> own = new HashSet<>();

    /** Whether the decisions have ended an epoch that another calibrator has begun with other settings. */
    boolean isConflict(Decided decided) {
        if (decided.decisions().isEmpty()) {
            return false;
        }
        boolean hadOwn = !own.add(decided.adapter() + "/" + decided.version().digest());
        return hadOwn
                && decided.decisions().stream()
                        .map(RuleDecision::epochEnd)
                        .anyMatch(Optional.of(EpochEnd.SETTINGS)::equals);
    }
}
