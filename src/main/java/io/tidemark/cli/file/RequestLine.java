package io.tidemark.cli.file;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.message.ErrorBody;

/**
 * A line of the input.
 *
 * @param id     the id that the line has, or else that of its number
 * @param lineId the id of its number
 */
record RequestLine(String id, String lineId, LineFormat format, Content content) {

    sealed interface Content {}

    /**
     * A request.
     *
     * @param fields the record to send, with the id
     * @param bytes  the length of the line
     */
    record Request(ObjectNode fields, int bytes) implements Content {}

    /** A line that cannot be sent. */
    record Invalid(ErrorBody error) implements Content {}
}
