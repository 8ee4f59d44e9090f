package io.tidemark.calibration.rule;

import io.tidemark.calibration.rule.HarmTest.Unit;
import io.tidemark.calibration.rule.RuleDecision.EpochEnd;
import io.tidemark.calibration.rule.RuleDecision.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Decides on the boundary of an adapter version after every batch. With a probability of at least {@code 1 - alpha}, no
 * boundary that it ever moves to has a mean capped difference to full LoRA below {@code -margin}, for any number of
 * batches, any objective and any correlation between boundaries, if the examples of an epoch are independent draws from
 * the traffic. All methods are pure functions.
 *
 * <pre>
 *   batch ── open ──> the epoch with the boundaries to score
 *         ── fresh ─> the examples that are new
 *         ── score ─> ScoredBatch; open and fresh with the tables as of now: score again if these are not covered
 *         ── count ─> the partition's state, what is in force, and a decision for each part
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
     * What a batch leads to.
     *
     * @param state     the partition's state to write
     * @param inForce   what is in force afterwards
     * @param decisions one for the end of an epoch by the settings, and one for each part; empty if there is neither
     */
    public record CountedState(EpochState state, InForce inForce, List<RuleDecision> decisions) {

        public CountedState {
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
        if (present.stream().allMatch(like::agrees) && isCurrent(like, inForce)) {
            EpochState own = states.of(partition)
                    .filter(like::agrees)
                    .orElseGet(() -> later(states, partition, epoch, like.set()));
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

    private boolean isCurrent(EpochState state, InForce inForce) {
        return state.test().equals(settings.test())
                && state.set().candidates().equals(settings.candidates(numLayers))
                && state.set().indexOf(inForce.scored(numLayers)) >= 0;
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
     * The places of the examples of a batch that no partition has counted in the epoch, and that the batch has not
     * before.
     *
     * @param opened what {@link #open} returned
     */
    public List<Integer> fresh(PartitionStates states, Opened opened, List<ExampleFilter.Bits> batch) {
        ExampleFilter seen = ExampleFilter.EMPTY;
        List<Integer> fresh = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            ExampleFilter.Bits bits = batch.get(i);
            if (!seen.contains(bits) && !states.contains(opened.state().epoch(), bits)) {
                fresh.add(i);
                seen = seen.plus(List.of(bits));
            }
        }
        return fresh;
    }

    /**
     * Counts a batch, in parts of {@code batch-examples} examples, and decides after each part.
     *
     * @param states    the states of all partitions, as of now
     * @param partition the partition of the batch
     * @throws IllegalArgumentException if the batch does not cover the boundaries of the epoch; score it again
     */
    public CountedState count(PartitionStates states, int partition, ScoredBatch batch, InForce inForce) {
        Opened opened = open(states, partition, inForce);
        if (!batch.covers(opened.state().set())) {
            throw new IllegalArgumentException("the batch is scored at " + batch.boundaries() + ", not at all of "
                    + opened.state().set().boundaries());
        }
        List<RuleDecision> decisions = new ArrayList<>(opened.decisions());
        InForce now = opened.inForce();
        EpochState own = opened.state();
        PartitionStates all = states.with(partition, own);
        int size = batch.examples().size();
        int part = settings.unit() == Unit.BATCH ? Math.max(1, size) : settings.batchExamples();
        boolean isFirst = true;
        for (int from = 0; from < size; from += part) {
            own = own.plus(batch, from, Math.min(size, from + part), isFirst, now);
            all = all.with(partition, own);
            RuleDecision decision = decide(all, now);
            decisions.add(decision);
            own = after(own, decision);
            all = all.with(partition, own);
            now = decision.inForce();
            isFirst = decision.epochEnd().isPresent();
        }
        return new CountedState(own, now, decisions);
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
        if (!present.stream().allMatch(like::agrees) || !isCurrent(like, inForce)) {
            return new RuleDecision(inForce.boundary(), inForce, Reason.OTHER_SETTINGS, Optional.empty(), evidence);
        }
        Optional<EpochEnd> end =
                evidence.examples() >= settings.epochExamples() ? Optional.of(EpochEnd.FULL) : Optional.empty();
        if (inForce.isPinned()) {
            return new RuleDecision(inForce.boundary(), inForce, Reason.PINNED, end, evidence);
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
        int place = like.set().indexOf(inForce.boundary());
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
