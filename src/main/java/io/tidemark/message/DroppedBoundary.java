package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * A candidate boundary that an epoch no longer scores, with its evidence when it was dropped.
 *
 * @param boundary   0 to L - 1
 * @param examples   examples of the epoch by then; a group counts as one
 * @param difference mean difference to full LoRA in nats per gold token, not capped
 * @param logE       ln E of its test
 */
public record DroppedBoundary(
        @JsonProperty(required = true) int boundary,
        @JsonProperty(required = true) long examples,
        @JsonProperty(required = true) double difference,
        @JsonProperty(value = "log_e", required = true) double logE) {}
