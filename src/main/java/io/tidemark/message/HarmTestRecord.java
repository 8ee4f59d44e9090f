package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * The field {@code test} of records of calibrators: what makes a boundary harmful.
 *
 * @param margin  accepted loss in nats per gold token
 * @param lossCap largest loss of an example that counts, in nats per gold token
 * @param gainCap largest gain of an example that counts, in nats per gold token
 * @param unit    {@code example} or {@code batch}
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record HarmTestRecord(
        @JsonProperty(required = true) double margin,
        @JsonProperty(required = true) double lossCap,
        @JsonProperty(required = true) double gainCap,

        @JsonProperty(required = true) @JsonSetter(nulls = Nulls.FAIL)
        String unit) {

    /** The largest cap, in nats per gold token. */
    public static final double MAX_CAP = 100;

    /** @throws IllegalArgumentException if a value is out of range */
    public HarmTestRecord {
        boolean inRange = margin >= 0 && lossCap > margin && lossCap <= MAX_CAP && gainCap > 0 && gainCap <= MAX_CAP;
        if (!inRange || !unit.equals("example") && !unit.equals("batch")) {
            throw new IllegalArgumentException("test must have a margin of 0 or more, a loss_cap above it, a gain_cap"
                    + " above 0, caps of at most " + MAX_CAP + ", and the unit example or batch");
        }
    }
}
