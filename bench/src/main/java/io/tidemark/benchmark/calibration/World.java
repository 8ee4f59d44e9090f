package io.tidemark.benchmark.calibration;

import io.tidemark.benchmark.calibration.NormalTraffic.Change;
import io.tidemark.benchmark.calibration.NormalTraffic.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * What the streams of a simulation are drawn from.
 *
 * @param name       says what is true in the world
 * @param isBounded  whether the examples are independent draws from one distribution, so that the guarantee holds
 * @param boundaries the boundaries that are scored, ascending, with 0 and L
 * @param traffic    the examples
 * @param later      the examples of the second half of a stream; empty if nothing changes
 * @param rubbish    examples of one batch in ten, which say nothing about the boundaries; empty if there are none
 */
public record World(
        String name,
        boolean isBounded,
        List<Integer> boundaries,
        Traffic traffic,
        Optional<Traffic> later,
        Optional<Traffic> rubbish) {

    /** The share of batches of rubbish. */
    static final double RUBBISH = 0.1;

    /** A model of 30 layers, as SmolLM2-135M. */
    private static final int LAYERS = 30;

    private static final double NOISE = 0.3;
    private static final double BATCH_NOISE = 0.1;

    public World {
        boundaries = List.copyOf(boundaries);
    }

    /** The number of layers of {@link #synthetic} worlds. */
    public static int layers() {
        return LAYERS;
    }

    /**
     * Worlds with known distributions.
     *
     * @param boundaries ascending, with 0 and {@link #layers}
     */
    public static List<World> synthetic(List<Integer> boundaries) {
        Traffic loses5 = noisy(boundaries, NOISE, 0, b -> -0.05);
        return List.of(
                still("every cut loses 0.021", true, boundaries, noisy(boundaries, NOISE, 0, b -> -0.021)),
                still("every cut loses 0.05", true, boundaries, loses5),
                still("every cut loses 0.1", true, boundaries, noisy(boundaries, NOISE, 0, b -> -0.1)),
                still("independent two-point", true, boundaries, mixed(boundaries, true, 0, 0.01)),
                still("3% lose 1 nat", true, boundaries, mixed(boundaries, false, 0.005, 0)),
                still("no difference", true, boundaries, noisy(boundaries, NOISE, 0, b -> 0)),
                still("overfit, best at 13", true, boundaries, noisy(boundaries, NOISE, 0, World::overfit)),
                still("needs all layers", true, boundaries, noisy(boundaries, NOISE, 0, b -> -0.015 * (LAYERS - b))),
                new World(
                        "0.05, 10% rubbish",
                        false,
                        boundaries,
                        loses5,
                        Optional.empty(),
                        Optional.of(noisy(boundaries, NOISE, 0, b -> 0.5 * (LAYERS - b) / LAYERS))),
                still("0.05, like batches", false, boundaries, noisy(boundaries, NOISE, BATCH_NOISE, b -> -0.05)),
                drift(
                        "0.05 gain to 0.01 loss",
                        boundaries,
                        noisy(boundaries, NOISE, 0, b -> -0.01),
                        noisy(boundaries, NOISE, 0, b -> 0.05)),
                drift("0.05 gain to 0.05 loss", boundaries, loses5, noisy(boundaries, NOISE, 0, b -> 0.05)),
                drift(
                        "0.1 gain to 0.1 loss",
                        boundaries,
                        noisy(boundaries, NOISE, 0, b -> -0.1),
                        noisy(boundaries, NOISE, 0, b -> 0.1)));
    }

    /**
     * A world for each adapter, and one for each change between two adapters of models with the same number of layers.
     *
     * @param scores     {@code [examples][boundaries 0 to L]} by adapter
     * @param boundaries gives the boundaries to score for L
     */
    public static List<World> recorded(Map<String, double[][]> scores, IntFunction<List<Integer>> boundaries) {
        List<World> worlds = new ArrayList<>();
        List<World> drifts = new ArrayList<>();
        scores.forEach((name, own) -> {
            int layers = own[0].length - 1;
            List<Integer> set = boundaries.apply(layers);
            Traffic traffic = new RecordedTraffic(own, set);
            worlds.add(still(name, true, set, traffic));
            scores.forEach((other, theirs) -> {
                if (!other.equals(name) && theirs[0].length == own[0].length) {
                    drifts.add(drift(name + " to " + other, set, new RecordedTraffic(theirs, set), traffic));
                }
            });
        });
        worlds.addAll(drifts);
        return worlds;
    }

    private static World still(String name, boolean isBounded, List<Integer> boundaries, Traffic traffic) {
        return new World(name, isBounded, boundaries, traffic, Optional.empty(), Optional.empty());
    }

    private static World drift(String name, List<Integer> boundaries, Traffic later, Traffic first) {
        return new World(name, false, boundaries, first, Optional.of(later), Optional.empty());
    }

    private static Traffic noisy(List<Integer> boundaries, double noise, double batchNoise, Change change) {
        return new NormalTraffic(LAYERS, below(boundaries), List.of(new Kind(1, change)), false, noise, batchNoise);
    }

    /** Three examples of a hundred lose 1 nat. */
    private static Traffic mixed(List<Integer> boundaries, boolean independent, double noise, double others) {
        return new NormalTraffic(
                LAYERS,
                below(boundaries),
                List.of(new Kind(0.97, b -> others), new Kind(0.03, b -> -1)),
                independent,
                noise,
                0);
    }

    private static List<Integer> below(List<Integer> boundaries) {
        return boundaries.subList(0, boundaries.size() - 1);
    }

    /** A gain of 0.14 at 13, as of {@code lora-gsm}, and a loss at the lowest boundaries. */
    private static double overfit(int boundary) {
        double share = boundary >= 13 ? (boundary - 13) / 17.0 : (13 - boundary) / 13.0;
        return 0.14 - (boundary >= 13 ? 0.14 : 0.5) * share * share;
    }
}
