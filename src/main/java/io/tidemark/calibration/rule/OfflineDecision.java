package io.tidemark.calibration.rule;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.calibration.rule.RuleEvidence.Row;
import io.tidemark.calibration.sweep.TokenizedExample;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What {@link BoundaryRule} decides if a set of examples is all that a calibrator receives, in batches as {@code
 * tidemark calibrate} sends them.
 *
 * @param objective the objective in its written form
 * @param boundary  the boundary in force after the last batch
 * @param numLayers the number of layers L
 * @param reason    of the last decision
 * @param examples  examples of the epoch, without repeats
 * @param batches   batches of the epoch
 * @param threshold ln E from which on a boundary is certified
 * @param certified certified boundaries below L
 * @param next      the boundary that more examples would bring in force; empty if they would not move it
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record OfflineDecision(
        String objective,
        int boundary,
        int numLayers,
        String reason,
        long examples,
        int batches,
        double threshold,
        List<Integer> certified,
        Optional<Next> next) {

    /** The batch size of {@code tidemark calibrate}. */
    public static final int BATCH = 16;

    /**
     * The boundary that the objective prefers among those that are certified, or will be if the sums of their tests
     * grow on as they did on average.
     *
     * @param lnE  ln E so far; empty for L
     * @param more further examples until it is in force, at this rate; 0 if only a clear gain is missing
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Next(int boundary, OptionalDouble lnE, long more) {}

    public OfflineDecision {
        certified = List.copyOf(certified);
    }

    /**
     * Counts the examples in their order, with full LoRA in force at first.
     *
     * @param examples   one or more
     * @param boundaries the scored boundaries, with all candidates of the rule
     * @param scores     of the examples at these boundaries
     */
    public static OfflineDecision of(
            BoundaryRule rule, List<TokenizedExample> examples, List<Integer> boundaries, List<ExampleScore> scores) {
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(rule.numLayers());
        List<RuleDecision> decisions = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += BATCH) {
            List<ExampleFilter.Bits> bits = examples.subList(from, Math.min(examples.size(), from + BATCH)).stream()
                    .map(ExampleFilter.Bits::of)
                    .toList();
            List<ScoredBatch.Example> batch = new ArrayList<>();
            for (int i : rule.fresh(states, rule.open(states, 0, inForce), bits)) {
                batch.add(new ScoredBatch.Example(bits.get(i), scores.get(from + i)));
            }
            BoundaryRule.Counted counted = rule.count(states, 0, new ScoredBatch(boundaries, batch), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
            decisions.addAll(counted.decisions());
        }
        RuleDecision last = decisions.get(decisions.size() - 1);
        RuleEvidence evidence = last.evidence();
        return new OfflineDecision(
                rule.objective().written(),
                inForce.boundary(),
                rule.numLayers(),
                last.reason().label(),
                evidence.examples(),
                evidence.batches(),
                evidence.threshold(),
                evidence.boundaries().stream()
                        .filter(row -> row.certified() && row.sums().isPresent())
                        .map(Row::boundary)
                        .toList(),
                next(rule, evidence, inForce));
    }

    /** As {@link #of(BoundaryRule, List, List, List)}, with scores at the boundaries 0 to L. */
    public static OfflineDecision of(BoundaryRule rule, List<TokenizedExample> examples, List<ExampleScore> scores) {
        return of(
                rule,
                examples,
                IntStream.rangeClosed(0, rule.numLayers()).boxed().toList(),
                scores);
    }

    private static Optional<Next> next(BoundaryRule rule, RuleEvidence evidence, InForce inForce) {
        List<Row> reachable = evidence.boundaries().stream()
                .filter(row -> row.boundary() == inForce.boundary()
                        || further(row, evidence).isPresent())
                .toList();
        int place = rule.choice()
                .preferred(
                        IntStream.range(0, reachable.size()).boxed().toList(),
                        i -> reachable.get(i).mean());
        Row preferred = reachable.get(place);
        if (preferred.boundary() == inForce.boundary()) {
            return Optional.empty();
        }
        RuleSettings settings = rule.settings();
        long least = Math.max(
                rule.choice().leastExamples(inForce.examplesAtMove()), (settings.minBatches() - 1L) * BATCH + 1);
        return Optional.of(new Next(
                preferred.boundary(),
                preferred.logE(),
                Math.max(further(preferred, evidence).orElseThrow(), least - evidence.examples())));
    }

    /** Further examples until a boundary is certified, at the rate so far; empty if its sums do not grow. */
    private static OptionalLong further(Row row, RuleEvidence evidence) {
        return row.certified()
                ? OptionalLong.of(0)
                : EProcesses.examplesTo(evidence.threshold(), row.sums().orElseThrow(), evidence.examples());
    }

    /** Two lines of text for people, without a line break at the end. */
    public String written() {
        return String.format(
                Locale.ROOT,
                "calibrator (%s): boundary %d of %d after %d examples in %d batches, reason %s; certified: %s%n  %s",
                objective,
                boundary,
                numLayers,
                examples,
                batches,
                reason,
                certified.isEmpty()
                        ? "none"
                        : certified.stream().map(String::valueOf).collect(Collectors.joining(", ")),
                next.map(this::written).orElse("at this rate, more examples would not move the boundary"));
    }

    private String written(Next later) {
        String evidence = later.lnE.isEmpty()
                ? "full LoRA is preferred"
                : String.format(
                        Locale.ROOT,
                        "boundary %d is preferred, with ln E %.2f of %.2f",
                        later.boundary,
                        later.lnE.getAsDouble(),
                        threshold);
        return evidence + (later.more > 0 ? ": at this rate, it needs about " + later.more + " more examples" : "");
    }
}
