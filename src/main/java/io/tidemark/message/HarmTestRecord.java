package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * The field {@code test} of records of calibrators: what makes a boundary harmful.
 *
 * @param margin  accepted loss in nats per gold token
 * @param lossCap largest loss of an example that counts, in nats per gold token
 * @param gainCap largest gain of an example that counts, in nats per gold token
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record HarmTestRecord(
        @JsonProperty(required = true) double margin,
        @JsonProperty(required = true) double lossCap,
        @JsonProperty(required = true) double gainCap) {

    /** The largest cap, in nats per gold token. */
    public static final double MAX_CAP = 100;

    /** @throws IllegalArgumentException if a value is out of range */
    public HarmTestRecord {
        if (!(margin >= 0 && lossCap > margin && lossCap <= MAX_CAP && gainCap > 0 && gainCap <= MAX_CAP)) {
            throw new IllegalArgumentException("test must have a margin of 0 or more, a loss_cap above it, a gain_cap"
                    + " above 0, and caps of at most " + MAX_CAP);
        }
    }
}
