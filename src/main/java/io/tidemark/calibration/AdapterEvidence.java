package io.tidemark.calibration;

import io.tidemark.boundary.LoadedVersion;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * What all input partitions together say about one version of an adapter. Clients' partitioners differ, so the batches
 * of one adapter can arrive on several partitions.
 */
public final class AdapterEvidence {

    private final LoadedVersion version;
    private final List<CalibrationState> states;

    /** @param states the adapter's states, one a partition; those about another version are left out */
    public AdapterEvidence(LoadedVersion version, Collection<CalibrationState> states) {
        this.version = version;
        // always merged in the same order, so that every calibrator computes the same bits
        this.states = states.stream()
                .filter(state -> state.isAbout(version))
                .sorted(Comparator.comparingInt(CalibrationState::inputPartition))
                .toList();
    }

    /** True when the batch is in, on whichever partition. */
    public boolean hasCounted(String batchId) {
        return states.stream().anyMatch(state -> state.hasCounted(batchId));
    }

    /** As if all examples had come on one partition. */
    public CurveStatistics merged() {
        return states.stream()
                .map(CalibrationState::statistics)
                .reduce(CurveStatistics.empty(version.numLayers()), CurveStatistics::merge);
    }
}
