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
     * The boundary in force for a request.
     *
     * @param offset the offset of the boundary record that applies; empty if none applies
     */
    record RequestBoundary(AppliedBoundary applied, OptionalLong offset) {}
}
