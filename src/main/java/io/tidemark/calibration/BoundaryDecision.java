package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.BoundaryRules;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.boundary.TableEntry;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Decides on an adapter's boundary from all evidence about the loaded version. A pure function of its arguments. */
public final class BoundaryDecision {

    private final CalibrationPolicy policy;

    public BoundaryDecision(CalibrationPolicy policy) {
        this.policy = policy;
    }

    /**
     * A pinned record is never moved, even one for another version of the adapter; nor is any record while there are
     * fewer than {@code min-samples} examples.
     *
     * @param adapter  the adapter's id
     * @param loaded   the version that the statistics are about
     * @param evidence the statistics of all partitions together
     * @param current  what the table says now
     * @param now      becomes {@code calibrated_at}
     */
    public Decision decide(
            String adapter, LoadedVersion loaded, CurveStatistics evidence, TableEntry current, Instant now) {
        int before = BoundaryRules.apply(current, loaded).boundary().layers();
        if (current instanceof TableEntry.Present present && present.record().pinned()) {
            return new Decision.Kept(adapter, before, Decision.Reason.PINNED, "pinned by hand");
        }
        if (evidence.count() < policy.minSamples()) {
            return new Decision.Kept(
                    adapter,
                    before,
                    Decision.Reason.TOO_FEW_SAMPLES,
                    evidence.count() + " of " + policy.minSamples() + " samples");
        }
        BoundaryCurve curve = evidence.curve();
        Boundary chosen = policy.objective().choose(curve);
        String objective = policy.objective().written();
        String reason = objective + ", " + curve.samples() + " samples, digest " + abbreviated(loaded.digest());
        return new Decision.Chosen(
                new BoundaryRecord(
                        adapter,
                        Optional.of(loaded.digest()),
                        Optional.of(loaded.baseModel()),
                        OptionalInt.of(loaded.numLayers()),
                        chosen.layers(),
                        Optional.of(objective),
                        curve.means(),
                        OptionalLong.of(curve.samples()),
                        OptionalInt.of(before),
                        Optional.of(reason),
                        Optional.of(now),
                        false),
                before);
    }

    private static String abbreviated(String digest) {
        return digest.length() <= 8 ? digest : digest.substring(0, 8) + "…";
    }
}
