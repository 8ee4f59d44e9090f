package io.tidemark.stream.worker;

import io.tidemark.generation.GenerationRequest;
import io.tidemark.message.RequestMessage;
import java.util.Optional;

/**
 * A request that may run as soon as its adapter is in memory.
 *
 * @param id         the client's id, or the derived one
 * @param message    as the client sent it
 * @param adapter    the adapter's id, empty for the base model
 * @param generation as the engine takes it, but for the adapter
 */
record PreparedRequest(String id, RequestMessage message, Optional<String> adapter, GenerationRequest generation) {}
