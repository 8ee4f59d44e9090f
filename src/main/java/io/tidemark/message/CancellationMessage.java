package io.tidemark.message;

import java.util.Optional;

/**
 * One value of the topic {@code generation-cancellations}.
 *
 * @param id     the id of the request to cancel
 * @param reason why, for people; Tidemark does not read it
 */
public record CancellationMessage(String id, Optional<String> reason) {

    private static final int MAX_BYTES = 64 * 1024;

    /**
     * Parses a value of the topic. Errors have the type {@link ErrorBody#INVALID_REQUEST}.
     *
     * @param value the value of the Kafka record, which may be null
     */
    public static Parsed<CancellationMessage> parse(byte[] value) {
        return TopicJson.parse(
                value,
                MAX_BYTES,
                "id",
                fields -> new CancellationMessage(
                        fields.requireText("id", 1, Fields.MAX_NAME_LENGTH), fields.text("reason", 0, MAX_BYTES)));
    }
}
