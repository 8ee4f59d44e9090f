package io.tidemark.request;

import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.LoadedVersion;
import java.util.OptionalLong;

/** The boundaries in force. Thread-safe. */
@FunctionalInterface
public interface Boundaries {

    /** The boundary of the next request for a version of an adapter. */
    RequestBoundary of(String adapter, LoadedVersion version);

    /**
     * A boundary in force.
     *
     * @param offset of the boundary record that applies; empty if none applies
     */
    record RequestBoundary(AppliedBoundary applied, OptionalLong offset) {}
}
