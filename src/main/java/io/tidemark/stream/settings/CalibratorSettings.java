package io.tidemark.stream.settings;

import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;

/** {@code tidemark.calibrator.*}: the role that moves boundaries. */
public interface CalibratorSettings {

    /** The consumer group that shares the validation batches. */
    @WithDefault("tidemark-calibrators")
    @NotBlank
    String group();

    /** {@code balanced}, {@code quality}, {@code latency}, {@code tolerance} or {@code tolerance:NATS}. */
    @WithDefault("balanced")
    @Pattern(
            regexp = "balanced|quality|latency|tolerance(:([0-9]{1,9}[.]?[0-9]{0,9}|[.][0-9]{1,9}))?",
            message = "must be balanced, quality, latency, tolerance or tolerance:NATS")
    String objective();

    /** For {@code tolerance} without a number: nats per token that may be lost against full LoRA. */
    @WithDefault("0.05")
    @PositiveOrZero
    double tolerance();

    /** Examples an adapter needs before its boundary may move. */
    @WithDefault("8")
    @Min(2)
    int minSamples();

    /** Tokens that one slice of the sweep takes at most. */
    @WithDefault("1024")
    @Min(1)
    int tokensPerSlice();
}
