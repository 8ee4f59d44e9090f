package io.tidemark.message;

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
     * @param error what is wrong; contains no text of the client
     */
    record Invalid<T>(ErrorBody error) implements Parsed<T> {}
}
