package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.List;

/**
 * One value of the topic {@code generation-results}. A consumer with {@code isolation.level=read_committed} reads one
 * result for each request record. {@link Provenance#source} says which record, because several records may have one id.
 * {@code TopicJson.read(value, ResultMessage.class)} reads both forms: the field {@code object} says which one it is.
 */
@JsonTypeInfo(
        use = JsonTypeInfo.Id.NAME,
        include = JsonTypeInfo.As.EXISTING_PROPERTY,
        property = "object",
        visible = true,
        defaultImpl = CompletionResult.class)
@JsonSubTypes(@JsonSubTypes.Type(value = ErrorResult.class, name = ErrorResult.ERROR))
public sealed interface ResultMessage permits CompletionResult, ErrorResult {

    /** The id of the request; derived from topic, partition and offset if the request has none. */
    String id();

    /** What the result is: {@link CompletionResult#TEXT_COMPLETION} and the like, or {@link ErrorResult#ERROR}. */
    String object();

    /** When the result was made, in seconds since 1970. */
    long created();

    /**
     * The fields of the request that had no effect, as in {@link RequestMessage#ignoredFields}; empty in results of
     * older workers.
     */
    List<String> ignoredFields();

    /** The request's record, versions, placement and timings. */
    Provenance tidemark();
}
