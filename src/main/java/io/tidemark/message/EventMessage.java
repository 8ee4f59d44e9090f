package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * One value of the topic {@code generation-events}: a chunk of text of a running request. Events are not transactional:
 * when another worker takes a request over, it generates the text again, with a larger attempt. At a larger attempt, a
 * consumer discards the text of smaller ones. Events can be missing; the result has the whole text.
 *
 * @param id           the id of the request
 * @param attempt      the generation of the consumer group when the request was read
 * @param choice       the index of the choice, from 0
 * @param sequence     counts the events of an attempt and choice, from 0
 * @param text         the chunk; may be empty in the last event of a choice
 * @param finishReason why the choice ended, in its last event only: stop, length, deadline, cancelled or error
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EventMessage(
        String id, long attempt, int choice, long sequence, String text, Optional<String> finishReason) {}
