package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.Balanced;
import io.tidemark.calibration.Latency;
import io.tidemark.calibration.Objective;
import io.tidemark.calibration.Quality;
import java.util.List;
import java.util.Optional;

/**
 * A way to run the model.
 *
 * @param name     what chose it: {@code full LoRA}, an objective, {@code half}, {@code base model}
 * @param boundary empty for the base model, without anything of the adapter
 */
public record Setting(String name, Optional<Boundary> boundary) {

    static final String FULL = "full LoRA";
    static final List<Objective> OBJECTIVES = List.of(new Quality(), new Balanced(), new Latency());

    static Setting at(String name, Boundary boundary) {
        return new Setting(name, Optional.of(boundary));
    }

    static Setting baseModel() {
        return new Setting("base model", Optional.empty());
    }
}
