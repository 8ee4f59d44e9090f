package io.tidemark.message;

import java.util.Optional;
import java.util.Set;

/**
 * A field of a request that Tidemark does not have.
 *
 * @param path  where it is in the request, such as {@code response_format.foo}, cut to {@value
 *              KnownFields#MAX_NAME_LENGTH} characters
 * @param name  the name in its object, of any length
 * @param known the fields that its object may have
 */
public record UnknownField(String path, String name, Set<String> known) {

    /** What follows from an unknown field. */
    public interface Rule {

        /** The request runs, and its result names the field. */
        Rule IGNORE = field -> Optional.empty();

        /** The error of a request with this field; empty if the request runs. */
        Optional<ErrorBody> refusal(UnknownField field);
    }
}
