package io.tidemark.message;

import java.util.Optional;

/**
 * What reading a client's record came to: the record, or what is wrong with it. Reading never throws because of what
 * the bytes hold.
 *
 * @param <T> the record
 */
public sealed interface Parsed<T> {

    /** The record keeps all its rules that can be checked without a model. */
    record Valid<T>(T record) implements Parsed<T> {}

    /**
     * The record breaks a rule.
     *
     * @param id    the sender's own id ({@code id}, {@code batch_id}), where that much could be read
     * @param error what is wrong; never holds text of the sender
     */
    record Invalid<T>(Optional<String> id, ErrorBody error) implements Parsed<T> {}
}
