package io.tidemark.message;

import java.util.List;

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
     * @param error         what is wrong; contains no prompt
     * @param ignoredFields the fields of a request that have no effect, see {@link RequestMessage#ignoredFields}
     */
    record Invalid<T>(ErrorBody error, List<String> ignoredFields) implements Parsed<T> {

        public Invalid {
            ignoredFields = List.copyOf(ignoredFields);
        }

        Invalid(ErrorBody error) {
            this(error, List.of());
        }
    }
}
