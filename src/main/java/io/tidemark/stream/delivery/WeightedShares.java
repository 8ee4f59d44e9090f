package io.tidemark.stream.delivery;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntPredicate;

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
 */
final class WeightedShares {

    private final double[] weights;
    private final double[] tags;
    /** Number of the last start of each member. */
    private final long[] lastStarts;

    private double virtualTime;
    private long starts;

    /** @param weights of the members, each above 0 */
    WeightedShares(List<Integer> weights) {
        this.weights = weights.stream().mapToDouble(Integer::doubleValue).toArray();
        this.tags = new double[this.weights.length];
        this.lastStarts = new long[this.weights.length];
    }

    /** The member that starts next, of those that can start. */
    OptionalInt next(IntPredicate canStart) {
        int best = -1;
        for (int member = 0; member < tags.length; member++) {
            if (canStart.test(member) && (best < 0 || precedes(member, best))) {
                best = member;
            }
        }
        return best < 0 ? OptionalInt.empty() : OptionalInt.of(best);
    }

    /** Called when a member starts a request that is expected to use this many tokens. */
    void started(int member, double tokens) {
        double tag = tag(member);
        virtualTime = Math.max(virtualTime, tag);
        tags[member] = tag + tokens / weights[member];
        lastStarts[member] = ++starts;
    }

    /** Called when a request has used more tokens than expected, or fewer if the number is negative. */
    void corrected(int member, double tokens) {
        tags[member] += tokens / weights[member];
    }

    private boolean precedes(int member, int other) {
        int order = Double.compare(tag(member), tag(other));
        return order < 0 || order == 0 && lastStarts[member] < lastStarts[other];
    }

    private double tag(int member) {
        return Math.max(tags[member], virtualTime);
    }
}
