package io.tidemark.calibration.rule;

import io.tidemark.calibration.curve.BoundaryCurve;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.calibration.rule.RuleDecision.Reason;
import io.tidemark.calibration.rule.ScoredBatch.Unit;
import io.tidemark.message.DroppedBoundary;
import io.tidemark.message.UncountedExamples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Decides on the boundary of an adapter version after every batch. With a probability of at least {@code 1 - alpha}, no
 * boundary that it ever moves to has a mean capped difference to full LoRA below {@code -margin}, for any number of
 * batches, any objective and any correlation between boundaries, if the examples of an epoch are independent draws from
 * the traffic. All methods are pure functions.
 *
 * <p>What adds one factor to a test is a unit: an example, or the mean of a group of examples that depend on each
 * other. Which boundaries are scored for a unit, and whether it is left out as a repeat, follows from earlier units
 * only, so each test stays a supermartingale.
 *
 * <pre>
 *   batch ── count ─> Unscored: the examples of the next part and the boundaries to score; then count again, with the
 *                     tables as of then
 *                  ─> Counted: the partition's state, what is in force, and a decision for each part
 *   later ── decide ─> the decision that follows from the states of all partitions; after ──> the state with it
 * </pre>
 *
 * @param settings  the settings, with the margin of the objective; see {@link RuleSettings#forObjective}
 * @param objective what is preferred among the boundaries that are certified
 * @param numLayers the number of layers L
 */
public record BoundaryRule(RuleSettings settings, Objective objective, int numLayers) {

    public BoundaryRule {
        settings = settings.forObjective(objective);
    }

    /** The rule of a calibrator with the default settings. */
    public static BoundaryRule ofDefaults(int numLayers) {
        return new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("balanced"), numLayers);
    }

    /**
     * The state of a partition in the epoch that counts.
     *
     * @param state     the partition's state, without examples if the epoch is new for it
     * @param inForce   what is in force
     * @param decisions that changes of the settings and decisions of other calibrators lead to; they may withdraw the
     *                  boundary
     */
    public record Opened(EpochState state, InForce inForce, List<RuleDecision> decisions) {

        public Opened {
            decisions = List.copyOf(decisions);
        }
    }

    /**
     * Opens the epoch that counts for a partition. A change of margin, caps, unit or candidates begins a new one, and
     * so do states of one epoch that do not agree, and a boundary in force that the epoch does not score.
     */
    public Opened open(PartitionStates states, int partition, InForce inForce) {
        int epoch = states.epoch(inForce);
        List<EpochState> present = states.at(epoch);
        if (isOvertaken(states, inForce)) {
            RuleDecision overtaken = overtaken(states, inForce);
            Opened opened = open(states, partition, overtaken.inForce());
            List<RuleDecision> decisions = new ArrayList<>(List.of(overtaken));
            decisions.addAll(opened.decisions());
            return new Opened(opened.state(), opened.inForce(), decisions);
        }
        if (present.isEmpty()) {
            InForce after = isStricterThanRecord(inForce) ? full(inForce, epoch, states) : inForce;
            EpochState begun = begin(states, partition, epoch, after);
            List<RuleDecision> decisions = after.equals(inForce)
                    ? List.of()
                    : List.of(ended(inForce, after, evidence(states, begun, inForce)));
            return new Opened(begun, after, decisions);
        }
        EpochState like = present.get(0);
        if (present.stream().allMatch(like::agrees) && isCurrent(states, like, inForce)) {
            EpochSet set = states.set(like);
            EpochState own = states.of(partition)
                    .filter(like::agrees)
                    .map(state -> state.without(set))
                    .orElseGet(() -> later(states, partition, epoch, set));
            return new Opened(own, inForce, List.of());
        }
        boolean isStricter = isStricterThanRecord(inForce)
                || inForce.isWatched(numLayers)
                        && present.stream().anyMatch(state -> settings.test().isStricterThan(state.test()));
        InForce after = isStricter ? full(inForce, epoch + 1, states) : inForce;
        return new Opened(
                begin(states, partition, epoch + 1, after),
                after,
                List.of(ended(inForce, after, evidence(states, like, inForce))));
    }

    /**
     * Whether the move in force was decided in an epoch that another calibrator ended at the same time. The states of a
     * later epoch know every move before its start.
     */
    private boolean isOvertaken(PartitionStates states, InForce inForce) {
        int epoch = states.epoch(inForce);
        return inForce.isWatched(numLayers)
                && inForce.epoch() < epoch
                && states.at(epoch).stream().allMatch(state -> state.watch().move() < inForce.move());
    }

    private RuleDecision overtaken(PartitionStates states, InForce inForce) {
        int epoch = states.epoch(inForce);
        return new RuleDecision(
                inForce.boundary(),
                full(inForce, epoch, states),
                Reason.OVERTAKEN,
                Optional.empty(),
                evidence(states, states.at(epoch).get(0), inForce));
    }

    private boolean isCurrent(PartitionStates states, EpochState state, InForce inForce) {
        return state.test().equals(settings.test())
                && state.set().candidates().equals(settings.candidates(numLayers))
                && states.set(state).indexOf(inForce.scored(numLayers)) >= 0;
    }

    private boolean isStricterThanRecord(InForce inForce) {
        return inForce.isWatched(numLayers)
                && inForce.test().filter(settings.test()::isStricterThan).isPresent();
    }

    private RuleDecision ended(InForce before, InForce after, RuleEvidence evidence) {
        return new RuleDecision(
                before.boundary(),
                after,
                after.equals(before) ? Reason.OTHER_SETTINGS : Reason.STRICTER_SETTINGS,
                Optional.of(EpochEnd.SETTINGS),
                evidence);
    }

    /** The state of a partition at the start of an epoch. */
    private EpochState begin(PartitionStates states, int partition, int epoch, InForce inForce) {
        EpochSet set = EpochSet.of(settings.candidates(numLayers), inForce.scored(numLayers));
        EpochState begun = later(states, partition, epoch, set);
        // so that the state knows every move before the epoch
        return inForce.isWatched(numLayers) && begun.watch().move() != inForce.move()
                ? begun.watching(inForce.move(), inForce.boundary())
                : begun;
    }

    private EpochState later(PartitionStates states, int partition, int epoch, EpochSet set) {
        return states.of(partition)
                .map(own -> own.next(epoch, settings.test(), set))
                .orElseGet(() -> EpochState.begin(epoch, settings.test(), set, Watch.begin(0, numLayers)));
    }

    /** Full LoRA from an epoch on. The number of the last move stays. */
    private InForce full(InForce inForce, int epoch, PartitionStates states) {
        return InForce.rule(numLayers, epoch, states.lastMove(inForce), 0, settings.test());
    }

    /**
     * Counts a batch, in parts of {@code batch-examples} examples that split no group, and decides after each part.
     *
     * @param states    the states of all partitions, as of now
     * @param partition the partition of the batch
     */
    public BatchCount count(PartitionStates states, int partition, ScoredBatch batch, InForce inForce) {
        Opened opened = open(states, partition, inForce);
        ScoredBatch.FreshUnits fresh = batch.fresh(states, opened.state().epoch());
        UncountedExamples uncounted = new UncountedExamples(fresh.repeats(), fresh.repeatedGroups(), batch.refused());
        List<RuleDecision> decisions = new ArrayList<>(opened.decisions());
        InForce now = opened.inForce();
        EpochState own = opened.state().plus(uncounted);
        boolean isFirst = true;
        for (List<Unit> part : parts(fresh.units())) {
            own = withoutDropped(states.with(partition, own), own, now);
            List<Integer> boundaries = own.set().boundaries();
            List<Integer> unscored = own.set().scored() == 0 ? List.of() : unscored(batch, part, boundaries);
            if (!unscored.isEmpty()) {
                return new BatchCount.Unscored(unscored, boundaries);
            }
            int refused = own.set().scored() == 0 ? 0 : batch.refused(part, numLayers);
            UncountedExamples more = new UncountedExamples(0, 0, refused);
            uncounted = uncounted.plus(more);
            EpochState before = own;
            own = plus(own.plus(more), batch, part, isFirst, now);
            isFirst &= own.units() == before.units();
            RuleDecision decision = decide(states.with(partition, own), now);
            decisions.add(decision);
            own = after(own, decision);
            now = decision.inForce();
            isFirst |= decision.epochEnd().isPresent();
        }
        return new BatchCount.Counted(own, now, decisions, uncounted);
    }

    /** Splits units into parts. A part has more than {@code batch-examples} examples only if it is one group. */
    private List<List<Unit>> parts(List<Unit> units) {
        List<List<Unit>> parts = new ArrayList<>();
        int examples = 0;
        for (Unit unit : units) {
            int size = unit.places().size();
            if (parts.isEmpty() || examples + size > settings.batchExamples()) {
                parts.add(new ArrayList<>());
                examples = 0;
            }
            parts.get(parts.size() - 1).add(unit);
            examples += size;
        }
        return parts;
    }

    private static List<Integer> unscored(ScoredBatch batch, List<Unit> part, List<Integer> boundaries) {
        return part.stream()
                .flatMap(unit -> unit.places().stream())
                .filter(place -> !batch.examples().get(place).scores().covers(boundaries))
                .toList();
    }

    /**
     * A state with the units of a part. An example whose score with full LoRA is not finite is left out, and so is a
     * unit of such examples only.
     */
    private EpochState plus(EpochState own, ScoredBatch batch, List<Unit> part, boolean isFirst, InForce inForce) {
        if (own.set().scored() == 0) {
            List<ExampleFilter.Bits> entries =
                    part.stream().flatMap(unit -> unit.bits().stream()).toList();
            return own.plus(new double[0][], new double[0][], part.size(), entries, isFirst, inForce);
        }
        List<double[]> scores = new ArrayList<>();
        List<double[]> observed = new ArrayList<>();
        List<ExampleFilter.Bits> entries = new ArrayList<>();
        for (Unit unit : part) {
            batch.scores(unit, own.set().boundaries(), settings.test()).ifPresent(ofUnit -> {
                scores.add(ofUnit.scores());
                observed.add(ofUnit.capped());
                entries.addAll(unit.bits());
            });
        }
        return scores.isEmpty()
                ? own
                : own.plus(
                        scores.toArray(double[][]::new),
                        observed.toArray(double[][]::new),
                        scores.size(),
                        entries,
                        isFirst,
                        inForce);
    }

    /**
     * A state without the candidates that the epoch no longer scores, which is decided once, when all partitions
     * together have {@code min-samples} units.
     */
    private EpochState withoutDropped(PartitionStates all, EpochState own, InForce inForce) {
        if (settings.keptCandidates().isEmpty() || own.set().dropped().isPresent()) {
            return own;
        }
        PartitionStates.Totals totals = all.totals(own);
        return totals.units() < settings.minSamples()
                ? own
                : own.without(own.set().dropping(hopeless(totals, inForce)));
    }

    /**
     * The candidates that are not among the best, and those whose mean difference to L is below the margin by two
     * standard errors. The boundary in force is none of them.
     */
    private List<DroppedBoundary> hopeless(PartitionStates.Totals totals, InForce inForce) {
        CurveStatistics statistics = totals.statistics();
        List<Integer> boundaries = totals.set().boundaries();
        int full = totals.set().scored();
        List<Integer> best = best(totals);
        return IntStream.range(0, full)
                .filter(place -> boundaries.get(place) != inForce.scored(numLayers))
                .filter(place -> !best.contains(place)
                        || statistics.mean(place)
                                        - statistics.mean(full)
                                        + EligibleChoice.STANDARD_ERRORS * statistics.standardError(place, full)
                                < -settings.margin())
                .mapToObj(place -> new DroppedBoundary(
                        boundaries.get(place),
                        totals.units(),
                        statistics.mean(place) - statistics.mean(full),
                        totals.sums().logValue(place)))
                .toList();
    }

    /**
     * The places of the {@code kept-candidates} boundaries below L with the highest means, and of the one with the
     * highest ln E: with less noise than those, it may be certified earlier.
     */
    private List<Integer> best(PartitionStates.Totals totals) {
        List<Integer> others =
                IntStream.range(0, totals.set().scored()).boxed().collect(Collectors.toCollection(ArrayList::new));
        List<Integer> best = new ArrayList<>();
        best.add(highest(others, totals.sums()::logValue));
        for (int i = 0; i < settings.keptCandidates().orElseThrow() && !others.isEmpty(); i++) {
            Integer next = highest(others, totals.statistics()::mean);
            best.add(next);
            others.remove(next);
        }
        return best;
    }

    /** The place with the highest value; the smallest one within 1e-6 of it. */
    private static Integer highest(List<Integer> places, IntToDoubleFunction value) {
        double highest = places.stream().mapToDouble(value::applyAsDouble).max().orElseThrow();
        return places.stream()
                .filter(place -> value.applyAsDouble(place) >= highest - BoundaryCurve.TIE_NATS)
                .findFirst()
                .orElseThrow();
    }

    /**
     * The state of a partition after a decision, which its owner writes with the decision.
     *
     * @param own the state that the decision included
     */
    public EpochState after(EpochState own, RuleDecision decision) {
        InForce now = decision.inForce();
        EpochState moved = decision.isMove() ? own.watching(now.move(), now.boundary()) : own;
        return decision.epochEnd().isEmpty()
                ? moved
                : moved.next(
                        own.epoch() + 1,
                        settings.test(),
                        EpochSet.of(settings.candidates(numLayers), now.scored(numLayers)));
    }

    /**
     * Decides from the states of all partitions. With states that differ from the settings, it keeps the boundary; the
     * next batch begins a new epoch.
     *
     * @param states  the states of one partition or more, one of which is of the epoch that counts
     * @param inForce what is in force
     * @throws IllegalArgumentException if no state is of the epoch that counts
     */
    public RuleDecision decide(PartitionStates states, InForce inForce) {
        int epoch = states.epoch(inForce);
        List<EpochState> present = states.at(epoch);
        if (present.isEmpty()) {
            throw new IllegalArgumentException("no partition has counted an example in epoch " + epoch);
        }
        EpochState like = present.get(0);
        if (isOvertaken(states, inForce)) {
            return overtaken(states, inForce);
        }
        RuleEvidence evidence = evidence(states, like, inForce);
        if (!present.stream().allMatch(like::agrees) || !isCurrent(states, like, inForce)) {
            return new RuleDecision(inForce.boundary(), inForce, Reason.OTHER_SETTINGS, Optional.empty(), evidence);
        }
        boolean isFull = evidence.examples() >= settings.epochExamples()
                || present.stream().anyMatch(state -> state.filter().isFull());
        Optional<EpochEnd> end = isFull ? Optional.of(EpochEnd.FULL) : Optional.empty();
        if (inForce.isPinned()) {
            return new RuleDecision(inForce.boundary(), inForce, Reason.PINNED, end, evidence);
        }
        if (inForce.source() == InForce.Origin.OTHER_COMPUTE_TYPE) {
            return new RuleDecision(inForce.boundary(), inForce, Reason.OTHER_COMPUTE_TYPE, end, evidence);
        }
        if (evidence.watch() >= settings.falseAlarmExamples()) {
            return new RuleDecision(
                    inForce.boundary(),
                    full(inForce, epoch + 1, states),
                    Reason.ALARM,
                    Optional.of(EpochEnd.ALARM),
                    evidence);
        }
        return choose(states, like, inForce, end, evidence);
    }

    private RuleDecision choose(
            PartitionStates states, EpochState like, InForce inForce, Optional<EpochEnd> end, RuleEvidence evidence) {
        PartitionStates.Totals totals = states.totals(like);
        int place = totals.set().indexOf(inForce.boundary());
        List<Integer> eligible = IntStream.range(0, evidence.boundaries().size())
                .filter(i -> i == place || evidence.boundaries().get(i).certified())
                .boxed()
                .toList();
        long examplesAtMove = inForce.epoch() == like.epoch() ? inForce.examplesAtMove() : 0;
        EligibleChoice.ChosenPlace choice =
                choice().choose(totals.statistics(), totals.batches(), eligible, place, examplesAtMove);
        if (choice.kept().isPresent()) {
            return new RuleDecision(inForce.boundary(), inForce, choice.kept().get(), end, evidence);
        }
        InForce moved = InForce.rule(
                evidence.boundaries().get(choice.place()).boundary(),
                like.epoch(),
                states.lastMove(inForce) + 1,
                evidence.examples(),
                settings.test());
        return new RuleDecision(inForce.boundary(), moved, Reason.PREFERRED, end, evidence);
    }

    EligibleChoice choice() {
        return new EligibleChoice(objective, settings.margin(), settings.minSamples(), settings.minBatches());
    }

    private RuleEvidence evidence(PartitionStates states, EpochState like, InForce inForce) {
        double watch = inForce.isWatched(numLayers) ? states.watch(inForce, like.test()) : 0;
        return RuleEvidence.of(like, states.totals(like), settings.alpha(), watch);
    }
}
