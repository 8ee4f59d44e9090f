package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;

/**
 * One value of the topic {@code generation-events}: a piece of text while it appears.
 *
 * @param id           the request
 * @param attempt      the consumer group's generation when the request was admitted; the larger one wins
 * @param choice       which of the request's choices, from 0
 * @param sequence     counts from 0 within an attempt and choice
 * @param text         the piece, perhaps empty in the last event of a choice
 * @param finishReason in the last event of a choice: stop, length, deadline, cancelled or error
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EventMessage(
        String id, long attempt, int choice, long sequence, String text, Optional<String> finishReason) {}
