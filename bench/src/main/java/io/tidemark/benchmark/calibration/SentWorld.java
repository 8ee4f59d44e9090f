package io.tidemark.benchmark.calibration;

import io.tidemark.calibration.rule.RuleSettings;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/**
 * A way in which the examples of a stream depend on each other or reach the calibrator. All boundaries of a world are
 * harmful by its mean, so that every move is one to harm.
 *
 * @param name    says how the examples are sent
 * @param mean    the mean difference to full LoRA in nats per token
 * @param broken  the assumption of the guarantee that does not hold; empty if all hold
 * @param sent    the batches of a stream as they are sent
 * @param remedy  what meets the assumption
 */
public record SentWorld(String name, double mean, Optional<String> broken, Sender sent, Optional<Remedy> remedy) {

    private static final int BATCH = 16;
    private static final int LAYERS = World.layers();
    private static final double NOISE = 0.1;

    /**
     * An example of a stream.
     *
     * @param differences to full LoRA at the boundaries below L
     * @param identity    equal for examples that count once
     * @param group       the group that the sender names; empty without one
     */
    public record SentExample(double[] differences, long identity, Optional<String> group) {}

    /** Draws the batches of a stream. */
    public interface Sender {
        List<List<SentExample>> draw(SplittableRandom random);
    }

    /**
     * What a sender or the product does.
     *
     * @param name   for tables
     * @param resend the batches that are sent instead, from the examples of a stream in their order
     * @param rule   the settings of the calibrator
     */
    public record Remedy(
            String name,
            BiFunction<List<SentExample>, SplittableRandom, List<List<SentExample>>> resend,
            UnaryOperator<RuleSettings> rule) {}

    /** @param boundaries the scored boundaries, ascending, with 0 and L */
    public static List<SentWorld> all(List<Integer> boundaries, int examples) {
        Draws draws = new Draws(boundaries.subList(0, boundaries.size() - 1));
        double[] kinds = {0.12, 0.02, -0.05, -0.19};
        double[] three = {0.1, 0, -0.2};
        return List.of(
                holds("four kinds, independent", -0.025, random -> batches(draws.kinds(examples, random, kinds))),
                holds("heavy tails", -0.03, random -> batches(draws.heavyTails(examples, random))),
                holds("batch closed after its scores", -0.025, random -> draws.closedEarly(examples, random, kinds)),
                breaks(
                        "file of 480, sorted by kind",
                        -0.025,
                        "order",
                        random -> batches(draws.sorted(480, random, kinds)),
                        shuffled()),
                breaks(
                        "blocks of 100 of three kinds",
                        -0.033,
                        "order",
                        random -> batches(draws.blocks(examples, 100, random, three)),
                        shuffled()),
                breaks(
                        "blocks of 300 of three kinds",
                        -0.033,
                        "order",
                        random -> batches(draws.blocks(examples, 300, random, three)),
                        shuffled()),
                breaks(
                        "day and night, 200 each",
                        -0.03,
                        "order",
                        random -> batches(draws.blocks(examples, 200, random, 0.1, -0.16)),
                        shuffled()),
                breaks(
                        "4 near-duplicates of each",
                        -0.03,
                        "copies",
                        random -> batches(draws.copies(examples, 4, random)),
                        grouped("group of copies", 4)),
                breaks(
                        "10 near-duplicates of each",
                        -0.03,
                        "copies",
                        random -> batches(draws.copies(examples, 10, random)),
                        grouped("group of copies", 10)),
                breaks(
                        "10 copies, other white space",
                        -0.03,
                        "copies",
                        random -> batches(draws.copies(examples, 10, random)),
                        new Remedy("counted once", (sent, random) -> batches(once(sent, 10)), rule -> rule)),
                breaks(
                        "shift of each batch of 8, 0.1",
                        -0.03,
                        "batches alike",
                        random -> batches(draws.shifted(examples, 8, 0.1, random)),
                        grouped("group per batch", 8)),
                breaks(
                        "shift of each batch of 8, 0.2",
                        -0.03,
                        "batches alike",
                        random -> batches(draws.shifted(examples, 8, 0.2, random)),
                        grouped("group per batch", 8)),
                breaks(
                        "1% lose 5 nats, 99% gain 0.02",
                        -0.03,
                        "cap of 1 nat",
                        random -> batches(draws.catastrophes(examples, random)),
                        new Remedy("loss-cap 5", (sent, random) -> batches(sent), SentWorld::withLossCap)));
    }

    private static SentWorld holds(String name, double mean, Sender sender) {
        return new SentWorld(name, mean, Optional.empty(), sender, Optional.empty());
    }

    private static SentWorld breaks(String name, double mean, String assumption, Sender sender, Remedy remedy) {
        return new SentWorld(name, mean, Optional.of(assumption), sender, Optional.of(remedy));
    }

    /** What {@code tidemark calibrate} does. */
    private static Remedy shuffled() {
        return new Remedy(
                "shuffled",
                (sent, random) -> {
                    List<SentExample> order = new ArrayList<>(sent);
                    Collections.shuffle(order, new Random(random.nextLong()));
                    return batches(order);
                },
                rule -> rule);
    }

    /** Names a group for each run of examples. */
    private static Remedy grouped(String name, int size) {
        return new Remedy(
                name,
                (sent, random) -> {
                    List<List<SentExample>> batches = new ArrayList<>();
                    for (int from = 0; from < sent.size(); from += size) {
                        String group = "g" + from;
                        batches.add(sent.subList(from, Math.min(sent.size(), from + size)).stream()
                                .map(each -> new SentExample(each.differences(), each.identity(), Optional.of(group)))
                                .toList());
                    }
                    return batches;
                },
                rule -> rule);
    }

    /** Copies have one identity. */
    private static List<SentExample> once(List<SentExample> sent, int copies) {
        List<SentExample> same = new ArrayList<>();
        for (int i = 0; i < sent.size(); i++) {
            same.add(new SentExample(
                    sent.get(i).differences(), sent.get(i - i % copies).identity(), Optional.empty()));
        }
        return same;
    }

    private static RuleSettings withLossCap(RuleSettings rule) {
        return new RuleSettings(
                rule.alpha(),
                rule.margin(),
                5,
                rule.gainCap(),
                rule.minSamples(),
                rule.minBatches(),
                rule.batchExamples(),
                rule.falseAlarmExamples(),
                rule.epochExamples(),
                rule.candidates(),
                rule.keptCandidates());
    }

    private static List<List<SentExample>> batches(List<SentExample> examples) {
        List<List<SentExample>> batches = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += BATCH) {
            batches.add(examples.subList(from, Math.min(examples.size(), from + BATCH)));
        }
        return batches;
    }

    /** Draws examples. An example's noise is a random walk over the layers above the boundary. */
    private record Draws(List<Integer> boundaries) {

        private SentExample example(double value, SplittableRandom random) {
            double[] differences = new double[boundaries.size()];
            double noise = 0;
            int above = LAYERS;
            for (int b = differences.length - 1; b >= 0; b--) {
                int boundary = boundaries.get(b);
                noise += NOISE * Math.sqrt((above - boundary) / (double) LAYERS) * random.nextGaussian();
                differences[b] = value + noise;
                above = boundary;
            }
            return new SentExample(differences, random.nextLong(), Optional.empty());
        }

        List<SentExample> kinds(int examples, SplittableRandom random, double... kinds) {
            List<SentExample> drawn = new ArrayList<>();
            for (int i = 0; i < examples; i++) {
                drawn.add(example(kinds[random.nextInt(kinds.length)], random));
            }
            return drawn;
        }

        /** Student's t with three degrees of freedom and a scale of 0.1. */
        List<SentExample> heavyTails(int examples, SplittableRandom random) {
            List<SentExample> drawn = new ArrayList<>();
            for (int i = 0; i < examples; i++) {
                double squares = 0;
                for (int degree = 0; degree < 3; degree++) {
                    double normal = random.nextGaussian();
                    squares += normal * normal;
                }
                drawn.add(example(-0.03 + 0.1 * random.nextGaussian() / Math.sqrt(squares / 3), random));
            }
            return drawn;
        }

        /** The sender closes a batch when its mean looks good, and at 64 examples. */
        List<List<SentExample>> closedEarly(int examples, SplittableRandom random, double... kinds) {
            List<List<SentExample>> batches = new ArrayList<>();
            List<SentExample> open = new ArrayList<>();
            double sum = 0;
            for (SentExample example : kinds(examples, random, kinds)) {
                open.add(example);
                sum += example.differences()[0];
                if (open.size() >= 4 && sum > 0 || open.size() == 64) {
                    batches.add(open);
                    open = new ArrayList<>();
                    sum = 0;
                }
            }
            return batches;
        }

        /** The kinds one after the other, with as many examples of each. */
        List<SentExample> sorted(int examples, SplittableRandom random, double... kinds) {
            List<SentExample> drawn = new ArrayList<>();
            for (double kind : kinds) {
                for (int i = 0; i < examples / kinds.length; i++) {
                    drawn.add(example(kind, random));
                }
            }
            return drawn;
        }

        /** Blocks of the kinds in turn, from a random one on. */
        List<SentExample> blocks(int examples, int length, SplittableRandom random, double... kinds) {
            int first = random.nextInt(kinds.length);
            List<SentExample> drawn = new ArrayList<>();
            for (int i = 0; i < examples; i++) {
                drawn.add(example(kinds[(first + i / length) % kinds.length], random));
            }
            return drawn;
        }

        /** Examples with a standard deviation of 0.3, each of them several times. */
        List<SentExample> copies(int examples, int copies, SplittableRandom random) {
            List<SentExample> drawn = new ArrayList<>();
            double value = 0;
            for (int i = 0; i < examples; i++) {
                value = i % copies == 0 ? -0.03 + 0.3 * random.nextGaussian() : value;
                drawn.add(example(value, random));
            }
            return drawn;
        }

        /** A shift that the examples of a batch have in common. */
        List<SentExample> shifted(int examples, int batch, double deviation, SplittableRandom random) {
            List<SentExample> drawn = new ArrayList<>();
            double shift = 0;
            for (int i = 0; i < examples; i++) {
                shift = i % batch == 0 ? deviation * random.nextGaussian() : shift;
                drawn.add(example(-0.03 + shift, random));
            }
            return drawn;
        }

        List<SentExample> catastrophes(int examples, SplittableRandom random) {
            List<SentExample> drawn = new ArrayList<>();
            for (int i = 0; i < examples; i++) {
                drawn.add(example(random.nextInt(100) == 0 ? -5 : 0.02, random));
            }
            return drawn;
        }
    }
}
