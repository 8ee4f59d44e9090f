package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * How a result came about, the field {@code tidemark} of results. An error result holds what was known by then.
 *
 * @param baseModel      the base model's name
 * @param adapterDigest  the adapter version that was pinned at admission; absent for the base model
 * @param boundary       the boundary that was pinned at admission; absent for the base model
 * @param numLayers      decoder layers of the base model
 * @param boundaryOffset offset of the boundary's record on its topic; absent where the table didn't decide
 * @param seed           the seed that was used
 * @param worker         the worker's name
 * @param attempt        the consumer group's generation when the request was admitted; the larger one wins
 * @param queuedMs       milliseconds between arrival and admission to the batch
 * @param firstTokenMs   milliseconds between admission and the first token; absent for a request that got none
 * @param totalMs        milliseconds between arrival and the end
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

    /** For a request that was refused before an adapter was looked up. */
    public static Provenance refused(String baseModel, String worker, long attempt) {
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
