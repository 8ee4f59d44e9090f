package io.tidemark.stream.worker;

import io.tidemark.generation.GenerationParams;
import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.Optional;

/**
 * A validated request that can run as soon as its adapter is loaded.
 *
 * @param id       the client's id, or the derived one
 * @param engineId names this reading of the request within the engine
 * @param message  as the client sent it
 * @param adapter  the adapter's id, empty for the base model
 * @param prompt   token ids, at least one
 * @param params   how the engine continues the prompt
 */
record PreparedRequest(
        String id,
        String engineId,
        RequestMessage message,
        Optional<String> adapter,
        List<Integer> prompt,
        GenerationParams params) {}
