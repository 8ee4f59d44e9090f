package io.tidemark.message;

/** Reads values of {@code adapters}; errors are of type {@code invalid_registration}. Immutable. */
public final class RegistrationParser {

    private static final int MAX_BYTES = 64 * 1024;

    private final DocumentReader documents = new DocumentReader("invalid_registration", "adapter", MAX_BYTES);

    /** @param value the record's value; tombstones are the caller's to tell apart */
    public Parsed<AdapterRegistration> parse(byte[] value) {
        return documents.read(value, fields -> new AdapterRegistration(
                fields.requireText("adapter", 1, RequestParser.MAX_NAME_LENGTH),
                fields.requireText("path", 1, 4096),
                fields.text("adapter_digest", 1, RequestParser.MAX_NAME_LENGTH),
                fields.text("base_model", 1, RequestParser.MAX_NAME_LENGTH),
                fields.instant("registered_at")));
    }
}
