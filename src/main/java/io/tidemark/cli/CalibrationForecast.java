package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.BoundaryScores;
import io.tidemark.calibration.rule.CalibrationPlan;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.ScoredBatch;
import io.tidemark.calibration.rule.ScoredBatch.ScoredExample;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.model.DataFile.ExampleLine;
import io.tidemark.cli.model.LocalModel;
import io.tidemark.cli.sending.ExampleOrder;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.ValidationBatch;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Says what a first move of an adapter needs: scores some examples of a file in this process, and puts the
 * {@link CalibrationPlan} of their scores and the time of this machine into words.
 *
 * @param model  the base model
 * @param rule   the rule of the calibrators
 * @param limits limits of the sweep, with the threads of this process
 * @param err    stderr
 */
record CalibrationForecast(LocalModel model, BoundaryRule rule, SweepLimits limits, PrintWriter err) {

    /** How many units are scored. */
    static final int UNITS = 32;

    private static final double LIKELY = 0.8;
    private static final double EVEN = 0.5;
    private static final int PERCENT = 100;
    private static final double NANOS = 1e9;
    private static final int SECONDS_SHOWN = 100;
    private static final double MINUTE = 60;

    /** An example that will be scored. */
    private record Sampled(ExampleFilter.Bits bits, Optional<String> group, TokenizedExample tokens) {}

    /**
     * The forecast for an adapter.
     *
     * @param plan     the plan
     * @param scored   the number of scored examples
     * @param tooLong  the number of examples that were not scored because they are longer than the context
     * @param seconds  the time of the scores
     * @param inFile   the number of units in the file
     */
    record Forecast(String adapter, CalibrationPlan plan, int scored, int tooLong, double seconds, long inFile) {

        /**
         * The forecast as text.
         *
         * @param batchSize examples in a batch
         */
        String written(int batchSize) {
            long epoch = plan.rule().settings().epochExamples();
            StringBuilder text = new StringBuilder(line(
                    "%d examples were scored at %d boundaries in %s, and nothing was sent%s",
                    scored,
                    plan.boundaries().size() + 1,
                    duration(seconds),
                    tooLong == 0 ? "" : "; " + tooLong + " are longer than the model's context"));
            text.append(line("%8s  %10s  %21s", "boundary", "difference", "certified by " + epoch));
            for (CalibrationPlan.Growth boundary : plan.boundaries()) {
                text.append(line(
                        "%8d  %+10.4f  %21s",
                        boundary.boundary(),
                        boundary.difference(),
                        boundary.eligible()
                                ? percent(boundary.probability(epoch, plan.units()))
                                : plan.scored().contains(boundary.boundary()) ? "not preferred" : "dropped"));
            }
            return text.append(conclusion(batchSize, epoch)).toString();
        }

        /**
         * The forecast as one object.
         *
         * @param batchSize examples in a batch
         */
        ObjectNode json(int batchSize) {
            long epoch = plan.rule().settings().epochExamples();
            ObjectNode node = JsonNodeFactory.instance
                    .objectNode()
                    .put("adapter", adapter)
                    .put("examples", scored)
                    .put("too_long", tooLong)
                    .put("seconds", seconds)
                    .put("epoch_examples", epoch)
                    .put("probability", plan.probability(epoch));
            plan.unitsTo(EVEN, batchSize).ifPresent(units -> node.put("even_examples", units));
            plan.unitsTo(LIKELY, batchSize)
                    .ifPresent(units -> node.put("likely_examples", units)
                            .put("likely_boundary", boundary(units))
                            .put("likely_seconds", secondsOf(units)));
            ArrayNode boundaries = node.putArray("boundaries");
            plan.boundaries()
                    .forEach(each -> boundaries
                            .addObject()
                            .put("boundary", each.boundary())
                            .put("difference", each.difference())
                            .put("eligible", each.eligible())
                            .put("probability", each.eligible() ? each.probability(epoch, plan.units()) : 0));
            return node;
        }

        private String conclusion(int batchSize, long epoch) {
            OptionalLong even = plan.unitsTo(EVEN, batchSize);
            OptionalLong likely = plan.unitsTo(LIKELY, batchSize);
            String atEnd = line(
                    "At the end of an epoch, after %d examples, the probability of a move is %s.",
                    epoch, percent(plan.probability(epoch)));
            String text;
            if (likely.isPresent()) {
                text = line(
                                "A move of '%s' is likely (80%%) within %d examples, and as likely as not within %d;"
                                        + " boundary %d is the likeliest.",
                                adapter, likely.getAsLong(), even.getAsLong(), boundary(likely.getAsLong()))
                        + time(likely.getAsLong());
            } else if (even.isPresent()) {
                text = line(
                                "A move of '%s' is as likely as not within %d examples, and not likely (80%%) within an"
                                        + " epoch; boundary %d is the likeliest.",
                                adapter, even.getAsLong(), boundary(even.getAsLong()))
                        + time(even.getAsLong());
            } else {
                text = line(
                                "A move of '%s' is not likely, and full LoRA stays in force: %s.",
                                adapter,
                                plan.boundaries().stream().anyMatch(CalibrationPlan.Growth::eligible)
                                        ? "for the best boundaries, the examples differ too much from each other"
                                        : "all boundaries lose too much")
                        + time(epoch);
            }
            return text
                    + atEnd
                    + (inFile < epoch
                            ? line(
                                    "With the %d examples of the file, it is %s.",
                                    inFile, percent(plan.probability(inFile)))
                            : "")
                    + line(
                            "This is an estimate from %d examples; with another --seed, others are scored.",
                            plan.units());
        }

        private int boundary(long units) {
            return plan.likeliest(units).orElseThrow().boundary();
        }

        private String time(long units) {
            return line("Scoring %d examples takes about %s on this machine.", units, duration(secondsOf(units)));
        }

        private double secondsOf(long units) {
            return seconds * plan.layerEvaluations(units) / plan.layerEvaluationsOfAll(plan.units());
        }

        private static String duration(double seconds) {
            return seconds < SECONDS_SHOWN
                    ? String.format(Locale.ROOT, seconds < 10 ? "%.1f s" : "%.0f s", seconds)
                    : String.format(Locale.ROOT, "%.0f minutes", seconds / MINUTE);
        }

        private static String percent(double probability) {
            long percent = Math.round(PERCENT * probability);
            return percent == 0 ? "below 1%" : percent == PERCENT ? "above 99%" : percent + "%";
        }

        private static String line(String format, Object... values) {
            return String.format(Locale.ROOT, format + "%n", values);
        }
    }

    /**
     * Scores the last units of an order: who chooses a seed by its forecast must not choose what is sent first.
     *
     * @throws CommandException when there are too few, or a calibrator would refuse a batch because of one
     */
    Forecast of(String adapter, LoraWeights lora, ExampleOrder order, DataFile.LineReader lines) {
        List<Sampled> sampled = new ArrayList<>();
        int tooLong = sample(order, lines, sampled);
        if (sampled.isEmpty()) {
            throw new CommandException("every example is longer than the model's context");
        }
        List<Integer> candidates = rule.settings().candidates(rule.numLayers());
        BoundarySweep sweep = new BoundarySweep(model.language(), limits);
        List<TokenizedExample> tokens = sampled.stream().map(Sampled::tokens).toList();
        // the first run takes longer
        sweep.start(lora, tokens.subList(0, 1), candidates).run(done -> true);
        long start = System.nanoTime();
        double[][] scores = scores(sweep.start(lora, tokens, candidates));
        double seconds = (System.nanoTime() - start) / NANOS;
        List<ScoredExample> examples = new ArrayList<>();
        for (int i = 0; i < scores.length; i++) {
            Sampled example = sampled.get(i);
            examples.add(new ScoredExample(example.bits, example.group, BoundaryScores.of(candidates, scores[i])));
        }
        try {
            CalibrationPlan plan = CalibrationPlan.of(rule, new ScoredBatch(examples, 0));
            return new Forecast(
                    adapter,
                    plan,
                    scores.length,
                    tooLong,
                    seconds,
                    order.units().size());
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Tokenizes the examples of the last units, without repeats; returns how many are too long. */
    private int sample(ExampleOrder order, DataFile.LineReader lines, List<Sampled> sampled) {
        InputEncoder encoder = new InputEncoder(model.language());
        Set<String> seen = new HashSet<>();
        int tooLong = 0;
        int units = 0;
        for (int i = order.units().size() - 1; i >= 0 && units < UNITS; i--) {
            int before = sampled.size();
            for (ExampleLine line : order.units().get(i)) {
                ValidationBatch.Example example = lines.example(line);
                if (!seen.add(example.identity())) {
                    continue;
                }
                try {
                    sampled.add(new Sampled(
                            ExampleFilter.Bits.ofExample(example.identity()),
                            example.group(),
                            encoder.encode(example, "")));
                } catch (RejectedException e) {
                    if (!e.error().code().equals(InputEncoder.TOO_LONG)) {
                        throw new CommandException(lines.place(line) + ": " + e.getMessage(), e);
                    }
                    tooLong++;
                }
            }
            units += sampled.size() > before ? 1 : 0;
        }
        return tooLong;
    }

    private double[][] scores(SweepRun started) {
        try (SweepRun run = started;
                Progress progress = Progress.start("percent", PERCENT, err)) {
            boolean isDone = run.run(done -> {
                progress.stepTo((long) (PERCENT * done));
                return true;
            });
            if (!isDone) {
                throw new CommandException("interrupted");
            }
            progress.stepTo(PERCENT);
            return run.means();
        }
    }
}
