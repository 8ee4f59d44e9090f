package io.tidemark.message;

import java.util.Optional;

/**
 * The outcome of parsing a record that a client sent. Parsing never throws an exception because of the content.
 *
 * @param <T> the type of the record
 */
public sealed interface Parsed<T> {

    /** The record satisfies all rules that do not depend on the model. */
    record Valid<T>(T record) implements Parsed<T> {}

    /**
     * The record breaks a rule.
     *
     * @param id    the client's id of the record ({@code id} or {@code batch_id}), if that field is valid and, in a
     *              document that exceeds a limit of the parser, stands before the limit
     * @param error what is wrong; contains no text of the client
     */
    record Invalid<T>(Optional<String> id, ErrorBody error) implements Parsed<T> {}
}
