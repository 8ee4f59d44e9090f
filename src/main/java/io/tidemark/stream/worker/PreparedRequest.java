package io.tidemark.stream.worker;

import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.Optional;

/**
 * A request that may run as soon as its adapter is in memory.
 *
 * @param message as the client sent it
 * @param adapter the adapter's id, empty for the base model
 * @param prompt  token ids, at least one
 */
record PreparedRequest(RequestMessage message, Optional<String> adapter, List<Integer> prompt) {

    PreparedRequest {
        prompt = List.copyOf(prompt);
    }
}
