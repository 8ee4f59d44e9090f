package io.tidemark.calibration;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.message.BoundaryRecord;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Decides on the boundary of an adapter.
 *
 * @param minSamples with fewer examples, the boundary does not change; at least 2, since one example has no standard
 *                   error
 */
public record CalibrationPolicy(Objective objective, int minSamples) {

    /**
     * What the boundary table has for an adapter.
     *
     * @param boundary the boundary that applies to the loaded version
     * @param pinned   whether an operator set the record of the adapter, even if it names another version
     */
    public record Current(Boundary boundary, boolean pinned) {}

    public CalibrationPolicy {
        if (minSamples < 2) {
            throw new IllegalArgumentException("min-samples must be 2 or more: " + minSamples);
        }
    }

    /**
     * Decides from the statistics of all examples that were scored with the loaded version. A pure function. It never
     * changes a pinned record, even if the record names another version of the adapter.
     *
     * @param adapter    the id of the adapter
     * @param loaded     the version that scored the examples
     * @param statistics the merged statistics of all input partitions
     * @param current    the boundary before the decision
     * @param now        becomes {@code calibrated_at}
     */
    public Decision decide(
            String adapter, LoadedVersion loaded, CurveStatistics statistics, Current current, Instant now) {
        int before = current.boundary().layers();
        if (current.pinned()) {
            return new Decision.Kept(adapter, before, Decision.Reason.PINNED, "pinned by hand");
        }
        if (statistics.count() < minSamples) {
            return new Decision.Kept(
                    adapter,
                    before,
                    Decision.Reason.TOO_FEW_SAMPLES,
                    statistics.count() + " of " + minSamples + " samples");
        }
        BoundaryCurve curve = statistics.curve();
        Boundary chosen = objective.choose(curve);
        String reason =
                objective.written() + ", " + curve.samples() + " samples, digest " + abbreviated(loaded.digest());
        return new Decision.Chosen(
                new BoundaryRecord(
                        adapter,
                        Optional.of(loaded.digest()),
                        Optional.of(loaded.baseModel()),
                        Optional.of(loaded.baseDigest()),
                        OptionalInt.of(loaded.numLayers()),
                        chosen.layers(),
                        Optional.of(objective.written()),
                        curve.means(),
                        OptionalLong.of(curve.samples()),
                        OptionalInt.of(before),
                        Optional.of(reason),
                        Optional.of(now),
                        false,
                        Optional.empty()),
                before);
    }

    private static String abbreviated(String digest) {
        return digest.length() <= 8 ? digest : digest.substring(0, 8) + "…";
    }
}
