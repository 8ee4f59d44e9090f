package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.RuleEvidence.BoundaryEvidence;
import io.tidemark.calibration.sweep.TokenizedExample;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/**
 * What {@link BoundaryRule} decides if a set of examples is all that a calibrator receives, in batches as {@code
 * tidemark calibrate} sends them, and how many examples the next move needs.
 *
 * @param rule the rule
 * @param last the decision after the last batch
 * @param next the next move, if the sums of the tests grow on as they did on average; empty if there will be none
 */
public record OfflineDecision(BoundaryRule rule, RuleDecision last, Optional<Next> next) {

    /** The batch size of {@code tidemark calibrate}. */
    public static final int BATCH = 16;

    /**
     * A move that would follow.
     *
     * @param to   the boundary that would be in force
     * @param more further examples until then, at the rate so far; 0 if only a clear gain is missing
     */
    public record Next(BoundaryEvidence to, long more) {}

    /**
     * Counts the examples in their order, with full LoRA in force at first.
     *
     * @param examples   one or more
     * @param boundaries the scored boundaries, with all candidates of the rule
     * @param scores     the scores of the examples at these boundaries
     */
    public static OfflineDecision of(
            BoundaryRule rule, List<TokenizedExample> examples, List<Integer> boundaries, List<ExampleScore> scores) {
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(rule.numLayers());
        List<RuleDecision> decisions = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += BATCH) {
            List<ScoredBatch.ScoredExample> batch = new ArrayList<>();
            for (int i = from; i < Math.min(examples.size(), from + BATCH); i++) {
                batch.add(new ScoredBatch.ScoredExample(
                        ExampleFilter.Bits.ofExample(examples.get(i).toString()),
                        Optional.empty(),
                        BoundaryScores.of(
                                boundaries,
                                scores.get(i).meanLogprobByBoundary().stream()
                                        .mapToDouble(Double::doubleValue)
                                        .toArray())));
            }
            BatchCount.Counted counted = (BatchCount.Counted) rule.count(states, 0, new ScoredBatch(batch, 0), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            decisions.addAll(counted.decisions());
        }
        RuleDecision last = decisions.get(decisions.size() - 1);
        return new OfflineDecision(rule, last, next(rule, last));
    }

    /** Decides as {@link #of(BoundaryRule, List, List, List)} does, from scores at all boundaries 0 to L. */
    public static OfflineDecision of(BoundaryRule rule, List<TokenizedExample> examples, List<ExampleScore> scores) {
        List<Integer> all = IntStream.rangeClosed(0, rule.numLayers()).boxed().toList();
        return of(rule, examples, all, scores);
    }

    /** The move to the preferred boundary among those that are certified, or will be at the rate so far. */
    private static Optional<Next> next(BoundaryRule rule, RuleDecision last) {
        RuleEvidence evidence = last.evidence();
        int inForce = last.inForce().boundary();
        List<BoundaryEvidence> reachable = evidence.boundaries().stream()
                .filter(row ->
                        row.boundary() == inForce || further(row, evidence).isPresent())
                .toList();
        List<Integer> places = IntStream.range(0, reachable.size()).boxed().toList();
        BoundaryEvidence to = reachable.get(
                rule.choice().preferred(places, place -> reachable.get(place).mean()));
        if (to.boundary() == inForce) {
            return Optional.empty();
        }
        long needed = Math.max(
                rule.choice().leastExamples(last.inForce().examplesAtMove()),
                (rule.settings().minBatches() - 1L) * BATCH + 1);
        return Optional.of(new Next(to, Math.max(further(to, evidence).orElseThrow(), needed - evidence.examples())));
    }

    /** Further examples until a boundary is certified; empty if its sums do not grow. */
    private static OptionalLong further(BoundaryEvidence row, RuleEvidence evidence) {
        return row.certified()
                ? OptionalLong.of(0)
                : EProcesses.examplesTo(evidence.threshold(), row.sums().orElseThrow(), evidence.examples());
    }

    /** The decision in one line of text for people. */
    public String written() {
        RuleEvidence evidence = last.evidence();
        List<String> certified = evidence.boundaries().stream()
                .filter(row -> row.certified() && row.logE().isPresent())
                .map(row -> Integer.toString(row.boundary()))
                .toList();
        return String.format(
                Locale.ROOT,
                "calibrator (%s): boundary %d of %d after %d examples in %d batches, reason %s; certified: %s; %s",
                rule.objective().written(),
                last.inForce().boundary(),
                rule.numLayers(),
                evidence.examples(),
                evidence.batches(),
                last.reason().label(),
                certified.isEmpty() ? "none" : String.join(", ", certified),
                next.map(this::written).orElse("at this rate, more examples would not move it"));
    }

    private String written(Next move) {
        RuleEvidence evidence = last.evidence();
        String to = "preferred: " + move.to.boundary();
        if (move.to.logE().isPresent()) {
            to += String.format(
                    Locale.ROOT, " with ln E %.2f of %.2f", move.to.logE().getAsDouble(), evidence.threshold());
        }
        if (move.more > 0) {
            boolean isLong = evidence.examples() + move.more > rule.settings().epochExamples();
            to += ", at this rate after about " + move.more + " more examples"
                    + (isLong ? ", longer than an epoch" : "");
        }
        return to;
    }
}
