package io.tidemark.boundary;

import io.tidemark.boundary.AppliedBoundary.FromTable;
import io.tidemark.boundary.AppliedBoundary.FullLora;
import io.tidemark.boundary.AppliedBoundary.Reason;
import java.util.Optional;

/** Which boundary holds for a loaded adapter, given what the table says. Pure functions. */
public final class BoundaryRules {

    private BoundaryRules() {}

    /** The table's boundary where every word of its record fits the loaded version, else full LoRA and the reason. */
    public static AppliedBoundary apply(TableEntry entry, LoadedVersion loaded) {
        if (entry instanceof TableEntry.Present present) {
            BoundaryRecord record = present.record();
            Optional<Reason> misfit = misfit(record, loaded);
            return misfit.isPresent() ? full(loaded, misfit.get()) : new FromTable(new Boundary(record.boundary()));
        }
        return full(loaded, entry instanceof TableEntry.Broken ? Reason.BROKEN_RECORD : Reason.NO_RECORD);
    }

    /** Why a record says nothing about the loaded version; empty when it holds. A field left out fits any version. */
    public static Optional<Reason> misfit(BoundaryRecord record, LoadedVersion loaded) {
        if (record.adapterDigest()
                .filter(digest -> !digest.equals(loaded.digest()))
                .isPresent()) {
            return Optional.of(Reason.FOREIGN_DIGEST);
        }
        if (record.baseModel().filter(name -> !name.equals(loaded.baseModel())).isPresent()) {
            return Optional.of(Reason.OTHER_BASE_MODEL);
        }
        if (record.numLayers().isPresent() && record.numLayers().getAsInt() != loaded.numLayers()) {
            return Optional.of(Reason.OTHER_NUM_LAYERS);
        }
        if (record.boundary() > loaded.numLayers()) {
            return Optional.of(Reason.NOT_ENOUGH_LAYERS);
        }
        return Optional.empty();
    }

    private static FullLora full(LoadedVersion loaded, Reason reason) {
        return new FullLora(Boundary.full(loaded.numLayers()), reason);
    }
}
