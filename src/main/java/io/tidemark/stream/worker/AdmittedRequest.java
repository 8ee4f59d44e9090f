package io.tidemark.stream.worker;

import io.tidemark.boundary.Boundary;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.message.RequestMessage;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A request that may run, with what was pinned for its whole life.
 *
 * @param id         the client's id, or the derived one
 * @param message    as the client sent it
 * @param adapter    the adapter's version and boundary; empty for the base model
 * @param generation as the engine takes it
 */
record AdmittedRequest(
        String id, RequestMessage message, Optional<PinnedAdapter> adapter, GenerationRequest generation) {

    /** @param boundaryOffset of the record that decided, on its topic; empty where the table didn't decide */
    record PinnedAdapter(String id, String digest, Boundary boundary, OptionalLong boundaryOffset) {}
}
