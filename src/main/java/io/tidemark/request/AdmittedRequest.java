package io.tidemark.request;

import io.tidemark.boundary.Boundary;
import io.tidemark.catalog.ChosenAdapter;
import io.tidemark.generation.EngineRequest;
import io.tidemark.message.RequestMessage;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A request whose adapter version and boundary are pinned for its whole life.
 *
 * @param id         id in the record, or derived from its position
 * @param message    the request as it is in the record
 * @param adapter    empty for the base model
 * @param generation the request for the engine
 * @param waited     the time from its receipt to its admission to the engine
 */
record AdmittedRequest(
        String id, RequestMessage message, Optional<PinnedAdapter> adapter, EngineRequest generation, Duration waited) {

    /**
     * @param chosen         the version, as the name in the request stands for it
     * @param digest         SHA-256 of the adapter
     * @param boundaryOffset offset of the boundary record that applies; empty if the request overrides it or none
     *                       applies
     */
    record PinnedAdapter(ChosenAdapter chosen, String digest, Boundary boundary, OptionalLong boundaryOffset) {

        /** The name of the adapter, never that of an alias. */
        String id() {
            return chosen.id();
        }
    }
}
