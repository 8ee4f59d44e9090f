package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import java.util.List;
import java.util.Optional;

/**
 * The result of a failed request.
 *
 * @param object  always {@link #ERROR}
 * @param created seconds since 1970
 * @param model         the {@code model} of the request, if the request was parsed
 * @param ignoredFields the fields of the request that have no effect
 */
public record ErrorResult(
        String id,
        String object,
        long created,
        Optional<String> model,
        ErrorBody error,

        @JsonProperty("ignored_fields") @JsonSetter(nulls = Nulls.AS_EMPTY) @JsonInclude(JsonInclude.Include.NON_EMPTY)
        List<String> ignoredFields,

        Provenance tidemark)
        implements ResultMessage {

    public static final String ERROR = "error";

    public ErrorResult {
        ignoredFields = List.copyOf(ignoredFields);
    }

    /** The result of a request without ignored fields. */
    public static ErrorResult of(
            String id, long created, Optional<String> model, ErrorBody error, Provenance tidemark) {
        return new ErrorResult(id, ERROR, created, model, error, List.of(), tidemark);
    }
}
