package io.tidemark.message;

/** Reads values of {@code generation-cancellations}; errors are of type {@code invalid_cancellation}. Immutable. */
public final class CancellationParser {

    private static final int MAX_BYTES = 64 * 1024;

    private final DocumentReader documents = new DocumentReader("invalid_cancellation", "id", MAX_BYTES);

    /** @param value the record's value as Kafka hands it over, null included */
    public Parsed<CancellationMessage> parse(byte[] value) {
        return documents.read(
                value,
                fields -> new CancellationMessage(
                        fields.requireText("id", 1, RequestParser.MAX_NAME_LENGTH),
                        fields.text("reason", 0, MAX_BYTES)));
    }
}
