package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The field {@code tidemark} of results: versions, placement and timings. Fields that were not known when an error
 * occurred are absent.
 *
 * @param baseModel      the name of the base model
 * @param adapterDigest  the adapter version, fixed at admission; absent for the base model
 * @param boundary       the boundary, fixed at admission; absent for the base model
 * @param numLayers      decoder layers of the base model
 * @param boundaryOffset offset of the boundary record that applied; absent if none did
 * @param seed           the seed of the random numbers
 * @param worker         the name of the worker
 * @param attempt        the generation of the consumer group at admission; the result of the highest attempt is valid
 * @param queuedMs       milliseconds from arrival to admission to the batch
 * @param firstTokenMs   milliseconds from admission to the first token; absent if there was none
 * @param totalMs        milliseconds from arrival to the end
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record Provenance(
        String baseModel,
        Optional<String> adapterDigest,
        OptionalInt boundary,
        OptionalInt numLayers,
        OptionalLong boundaryOffset,
        OptionalLong seed,
        String worker,
        long attempt,
        OptionalDouble queuedMs,
        OptionalDouble firstTokenMs,
        OptionalDouble totalMs) {

    /** For a request that was rejected before its adapter was looked up. */
    public static Provenance rejected(String baseModel, String worker, long attempt) {
        return new Provenance(
                baseModel,
                Optional.empty(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                worker,
                attempt,
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty());
    }
}
