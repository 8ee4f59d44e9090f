package io.tidemark.cli.file;

import io.tidemark.client.RequestResult;
import io.tidemark.message.ErrorBody;

/** How a line of the input ended; its JSON is one line of the output. */
public sealed interface LineResult {

    String id();

    /** Whether it is an error. */
    boolean isError();

    /** A line of JSON, without a line feed. */
    String json();

    /** The service answered the request, or refused it. */
    record Answered(String id, LineFormat format, RequestResult result) implements LineResult {

        @Override
        public boolean isError() {
            return result.error().isPresent();
        }

        @Override
        public String json() {
            return format.answered(id, result);
        }
    }

    /** The line was not sent: it is invalid, or the broker does not accept its size. */
    record Refused(String id, LineFormat format, ErrorBody error) implements LineResult {

        @Override
        public boolean isError() {
            return true;
        }

        @Override
        public String json() {
            return format.refused(id, error);
        }
    }
}
