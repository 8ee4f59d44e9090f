package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The field {@code tidemark} of results: the request's record, versions, placement and timings. Fields that were not
 * known when an error occurred are absent.
 *
 * @param source         the record of the request
 * @param baseModel      the name of the base model
 * @param adapter        the adapter that the request got, also if it names an alias; absent for the base model
 * @param alias          the alias that the request names; absent if it names no alias
 * @param adapterDigest  the adapter version, fixed at admission; absent for the base model
 * @param adapterOffset  offset of the record that names the version; absent for a folder of the settings
 * @param aliasOffset    offset of the record of the alias
 * @param boundary       the boundary, fixed at admission; absent for the base model
 * @param numLayers      decoder layers of the base model
 * @param boundaryOffset offset of the boundary record that applied; absent if none did
 * @param seed           the seed of the random numbers
 * @param worker         the name of the worker
 * @param attempt        the {@code attempt} of the events that belong to this result; see {@link EventMessage}
 * @param admissionMs    milliseconds from the reading of the request's record to its submission to the engine
 * @param queuedMs       milliseconds from submission to the engine to admission to the batch
 * @param firstTokenMs   milliseconds from admission to the first token; absent if there was none
 * @param totalMs        milliseconds from submission to the engine to the end
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record Provenance(
        Source source,
        String baseModel,
        Optional<String> adapter,
        Optional<String> alias,
        Optional<String> adapterDigest,
        OptionalLong adapterOffset,
        OptionalLong aliasOffset,
        OptionalInt boundary,
        OptionalInt numLayers,
        OptionalLong boundaryOffset,
        OptionalLong seed,
        String worker,
        long attempt,
        OptionalDouble admissionMs,
        OptionalDouble queuedMs,
        OptionalDouble firstTokenMs,
        OptionalDouble totalMs) {

    /**
     * The position of a request's record. It identifies the request: each request record has one committed result, and
     * two records with the same {@code id} are two requests.
     *
     * @param topic     full name, prefix included
     * @param partition 0 or more
     * @param offset    0 or more
     */
    public record Source(
            String topic,
            @JsonProperty(required = true) int partition,
            @JsonProperty(required = true) long offset) {

        /** The id of the request if its record has none: {@code TOPIC-PARTITION-OFFSET}. */
        public String derivedId() {
            return topic + "-" + partition + "-" + offset;
        }
    }

    /** The provenance of a request that was rejected before its adapter was looked up. */
    public static Provenance rejected(Source source, String baseModel, String worker, long attempt) {
        return new Provenance(
                source,
                baseModel,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                worker,
                attempt,
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty());
    }
}
