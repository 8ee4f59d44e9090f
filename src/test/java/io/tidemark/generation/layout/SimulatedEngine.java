package io.tidemark.generation.layout;

import io.tidemark.generation.layout.GroupWidth.Turn;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Engine threads that run turns of their groups in virtual time, at the widths that {@link MeasuredWidth} chooses. */
final class SimulatedEngine {

    private static final double SECOND = 1e9;
    static final EngineLayout TWO = new EngineLayout(2, 1, 2, 1, false);
    static final EngineLayout TWO_OF_A_SMALL_MODEL = new EngineLayout(2, 1, 2, 16, false);

    /** The duration of a step in milliseconds. */
    @FunctionalInterface
    interface Model {
        double millis(InstanceGroup group, StepSize step);
    }

    /** Weights of a gigabyte: two narrow steps read them twice. Times of a model of 1.07 billion parameters. */
    static double big(InstanceGroup group, StepSize step) {
        double prompt = step.prompt() ? 5 * (step.tokens() - step.rows()) : 0;
        return group.size() == 1 ? 46 + 7.6 * step.rows() + 1.4 * prompt : 18 + 4.9 * step.rows() + 0.75 * prompt;
    }

    /** Weights in the cache: the threads of a wide step wait for each other. Times of SmolLM2-135M. */
    static double small(InstanceGroup group, StepSize step) {
        return group.size() == 1 ? 13 + 2 * step.rows() : 16 + 1.8 * step.rows();
    }

    /** Each thread of a wide step waits for the one whose processor another process uses, too. */
    static Model besideABusyLoop(Model model) {
        return (group, step) -> (group.first() == 0 ? 2 : 1) * model.millis(group, step);
    }

    private final MeasuredWidth choice;
    private final int instances;
    private final Random random = new Random(7);
    private final int[] rows;
    private final double noise;
    private Model model;
    private double waves;
    private double waveSeconds;
    private double wave;
    private double waveStart;
    private int promptEvery = Integer.MAX_VALUE;
    private int startEvery = Integer.MAX_VALUE;
    private final int[] steps;
    private int sliceEvery = Integer.MAX_VALUE;
    private double settling;
    private double widthSince;
    private double now;
    private int width;
    private int changes;
    private double tokens;
    private final Map<Integer, Double> secondsByWidth = new HashMap<>();

    private record Running(InstanceGroup group, List<StepSize> parts, boolean slice, double start, double end) {}

    SimulatedEngine(EngineLayout layout, Model model, double noise, int... rows) {
        this.choice = new MeasuredWidth(layout);
        this.instances = layout.instances();
        this.model = model;
        this.noise = noise;
        this.rows = rows;
        this.steps = new int[instances];
        this.width = choice.start();
    }

    SimulatedEngine with(Model other) {
        model = other;
        return this;
    }

    SimulatedEngine rows(int... each) {
        System.arraycopy(each, 0, rows, 0, instances);
        return this;
    }

    /** After each of these times, all turns have another random factor, whose logarithm has this deviation. */
    SimulatedEngine waves(double deviation, double seconds) {
        waves = deviation;
        waveSeconds = seconds;
        return this;
    }

    /** Turns of wide groups take this fraction longer after a change, which falls by a factor of e every 0.1 s. */
    SimulatedEngine settling(double part) {
        settling = part;
        return this;
    }

    /** Each turn of this number, on average, has a prompt of 40 tokens. */
    SimulatedEngine promptEvery(int stepsOfARow) {
        promptEvery = stepsOfARow;
        return this;
    }

    /** All requests start together every this number of steps, and the first five steps have prompts. */
    SimulatedEngine startEvery(int number) {
        startEvery = number;
        return this;
    }

    /** Each turn of this number, on average, has the only slice of a background task, which takes 400 ms. */
    SimulatedEngine sliceEvery(int number) {
        sliceEvery = number;
        return this;
    }

    SimulatedEngine reset() {
        tokens = 0;
        changes = 0;
        secondsByWidth.clear();
        return this;
    }

    MeasuredWidth choice() {
        return choice;
    }

    int width() {
        return width;
    }

    /** Changes of the width since the last {@link #reset}. */
    int changes() {
        return changes;
    }

    /** Rows per second. */
    double rate(double seconds) {
        reset().run(seconds);
        return tokens / seconds;
    }

    double shareOf(int ofWidth) {
        double sum = secondsByWidth.values().stream().mapToDouble(each -> each).sum();
        return secondsByWidth.getOrDefault(ofWidth, 0.0) / sum;
    }

    SimulatedEngine run(double seconds) {
        double end = now + seconds * SECOND;
        int next = width;
        List<Running> running = new ArrayList<>();
        while (now < end) {
            if (next == width) {
                for (InstanceGroup group : InstanceGroup.all(width, instances)) {
                    if (running.stream().noneMatch(each -> each.group().equals(group))) {
                        start(group).ifPresent(running::add);
                    }
                }
            }
            Running first = running.stream()
                    .min(Comparator.comparingDouble(Running::end))
                    .orElseThrow();
            running.remove(first);
            now = first.end();
            tokens += first.parts().stream().mapToInt(StepSize::rows).sum();
            next = choice.next(turn(first));
            if (running.isEmpty() && next != width) {
                width = next;
                widthSince = now;
                changes++;
            }
        }
        // the turns that run end
        for (Running each : running) {
            now = Math.max(now, each.end());
            next = choice.next(turn(each));
        }
        width = next;
        return this;
    }

    private Optional<Running> start(InstanceGroup group) {
        List<StepSize> parts = new ArrayList<>();
        StepSize all = StepSize.NONE;
        for (int i = group.first(); i < group.end(); i++) {
            boolean starts = startEvery < Integer.MAX_VALUE && steps[i]++ % startEvery < 5;
            boolean prompt = starts || promptEvery < Integer.MAX_VALUE && random.nextInt(promptEvery) < rows[i];
            parts.add(rows[i] == 0 ? StepSize.NONE : new StepSize(rows[i], rows[i] + (prompt ? 39 : 0), prompt, false));
            all = all.plus(parts.get(parts.size() - 1));
        }
        if (all.rows() == 0) {
            return Optional.empty();
        }
        if (now > waveStart + waveSeconds * SECOND) {
            waveStart = now;
            wave = waves * random.nextGaussian();
        }
        double nanos = 1e6 * model.millis(group, all) * (1 + noise * random.nextGaussian()) * Math.exp(wave);
        if (group.size() > 1) {
            nanos *= 1 + settling * Math.exp((widthSince - now) / (0.1 * SECOND));
        }
        choice.begins(group);
        boolean slice = sliceEvery < Integer.MAX_VALUE && random.nextInt(sliceEvery) == 0;
        double end = now + Math.max(1000, nanos) + (slice ? 0.4 * SECOND : 0);
        return Optional.of(new Running(group, parts, slice, now, end));
    }

    private Turn turn(Running ended) {
        double processors = (double) ended.group().size() / instances;
        secondsByWidth.merge(width, processors * (ended.end() - ended.start()) / SECOND, Double::sum);
        List<InstanceWork> work = ended.parts().stream()
                .map(part -> new InstanceWork(part, 0, ended.slice(), false, false, part.rows() > 0))
                .toList();
        return new Turn(width, ended.group(), work, false, 0, (long) (ended.end() - ended.start()), (long) ended.end());
    }
}
