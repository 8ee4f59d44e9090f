package io.tidemark.stream.settings;

import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.NotBlank;

/** The topics' names, without the prefix. */
public interface TopicNames {

    @WithDefault("generation-requests")
    @NotBlank
    String generationRequests();

    @WithDefault("generation-events")
    @NotBlank
    String generationEvents();

    @WithDefault("generation-results")
    @NotBlank
    String generationResults();

    @WithDefault("generation-cancellations")
    @NotBlank
    String generationCancellations();

    @WithDefault("generation-dead-letters")
    @NotBlank
    String generationDeadLetters();

    @WithDefault("validation-batches")
    @NotBlank
    String validationBatches();

    @WithDefault("validation-dead-letters")
    @NotBlank
    String validationDeadLetters();

    @WithDefault("adapter-boundaries")
    @NotBlank
    String adapterBoundaries();

    @WithDefault("calibration-state")
    @NotBlank
    String calibrationState();

    @WithDefault("adapters")
    @NotBlank
    String adapters();
}
