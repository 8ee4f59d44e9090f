package io.tidemark.evaluation;

import io.tidemark.boundary.Boundary;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Times settings in turn, all over the same prompts and with texts of one length, so that only the work differs. */
final class Speeds {

    private Speeds() {}

    /** The median of generated tokens per second, prompts included. The first round of all warms up and doesn't count. */
    static Map<Optional<Boundary>, Double> measure(
            Generator generator,
            Set<Optional<Boundary>> settings,
            List<List<Integer>> prompts,
            EvaluationOptions options) {
        Map<Optional<Boundary>, List<Double>> runs = new HashMap<>();
        for (int run = 0; run <= options.speedRuns(); run++) {
            for (Optional<Boundary> setting : settings) {
                long start = System.nanoTime();
                generator.run(setting, prompts, StopConditions.afterExactly(options.speedTokens()));
                double speed = prompts.size() * (long) options.speedTokens() / ((System.nanoTime() - start) / 1e9);
                if (run > 0) {
                    runs.computeIfAbsent(setting, key -> new ArrayList<>()).add(speed);
                }
            }
        }
        Map<Optional<Boundary>, Double> medians = new HashMap<>();
        runs.forEach((setting, speeds) -> medians.put(setting, Spread.of(speeds).median()));
        return medians;
    }
}
