package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.calibration.Objective;
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
    static final List<Objective> OBJECTIVES =
            List.of(new Objective.Quality(), new Objective.Balanced(), new Objective.Latency());

    static Setting at(String name, Boundary boundary) {
        return new Setting(name, Optional.of(boundary));
    }

    static Setting baseModel() {
        return new Setting("base model", Optional.empty());
    }
}
