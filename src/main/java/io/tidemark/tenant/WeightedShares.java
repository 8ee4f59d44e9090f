package io.tidemark.tenant;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Divides tokens among members by weight: start-time fair queueing (Goyal, Vin and Cheng 1996). Each member has a tag,
 * which advances by the tokens that it uses, divided by its weight. The member with the smallest tag is next; of equal
 * ones, the member that has waited longest since its last start.
 *
 * <p>The tag of a member that had nothing to start does not stay behind: it is at least that of the last start. So a
 * member can't save up tokens, and one that begins to wait is the next one or comes after at most one start of each
 * other member.
 *
 * <p>Not thread-safe.
 *
 * @param <M> a member, which {@code equals} tells from the others
 */
final class WeightedShares<M> {

    /** The use of each member, in the order in which they were added. */
    private final Map<M, Use> uses = new LinkedHashMap<>();

    private double virtualTime;
    private long starts;

    /** What one member has used. */
    private static final class Use {

        private final int weight;
        private double tag;
        /** Which start of all members was the last one of this member; of equal tags, the lower one is next. */
        private long lastStart;

        private Use(int weight) {
            this.weight = weight;
        }
    }

    /** @param weight above 0 */
    void add(M member, int weight) {
        uses.put(member, new Use(weight));
    }

    /** Whether a member can start. */
    boolean anyCan(Predicate<M> start) {
        return uses.keySet().stream().anyMatch(start);
    }

    /** The member that starts next, of those that can start. */
    Optional<M> next(Predicate<M> canStart) {
        Optional<M> best = Optional.empty();
        for (M member : uses.keySet()) {
            if (canStart.test(member) && (best.isEmpty() || precedes(uses.get(member), uses.get(best.get())))) {
                best = Optional.of(member);
            }
        }
        return best;
    }

    /** Counts a start of a member that is expected to use this many tokens. */
    void started(M member, double tokens) {
        Use use = uses.get(member);
        double tag = tag(use);
        virtualTime = Math.max(virtualTime, tag);
        use.tag = tag + tokens / use.weight;
        use.lastStart = ++starts;
    }

    /** Counts the tokens beyond those that a start was expected to use; negative if it used fewer. */
    void corrected(M member, double tokens) {
        Use use = uses.get(member);
        use.tag += tokens / use.weight;
    }

    private boolean precedes(Use use, Use other) {
        int order = Double.compare(tag(use), tag(other));
        return order < 0 || order == 0 && use.lastStart < other.lastStart;
    }

    private double tag(Use use) {
        return Math.max(use.tag, virtualTime);
    }
}
