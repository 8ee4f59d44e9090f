package io.tidemark.stream.delivery;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.IntPredicate;

/**
 * Which tenant starts a request next. Ranks come in the order of their priority: while one can start requests, the
 * lower ones together get a fixed share of the starts, among themselves by the same rule. The topics of a rank, and the
 * tenants of a topic, share tokens by weight. A tenant whose started requests need its maximum of tokens starts no
 * further one.
 *
 * <p>A request counts with the tokens that it may need until it has ended, and with those that it has used afterwards.
 * It counts with at least {@value #MIN_TOKENS}, so that requests without tokens, such as invalid ones, share starts.
 *
 * <p>Not thread-safe.
 */
final class StartOrder {

    /** Tokens with which every request counts at least. */
    static final int MIN_TOKENS = 16;

    private final Tenants tenants;
    private final double lowerShare;
    /** Of each rank: the shares of its topics. */
    private final List<WeightedShares> ranks = new ArrayList<>();
    /** Of each topic: the shares of its tenants. */
    private final List<WeightedShares> topics = new ArrayList<>();
    /** Of each rank: the share of starts that the ranks below it have not had yet. */
    private final double[] credits;
    /** Of each tenant: tokens of started requests that have not ended. */
    private final long[] openTokens;
    /** Started requests that have not ended, and the tokens with which they count. */
    private final Map<Delivery, Long> open = new IdentityHashMap<>();

    /** @param lowerShare share of starts of the ranks below one that can start requests, 0 to 1 */
    StartOrder(Tenants tenants, double lowerShare) {
        this.tenants = tenants;
        this.lowerShare = lowerShare;
        this.credits = new double[tenants.ranks().size()];
        this.openTokens = new long[tenants.size()];
        tenants.ranks()
                .forEach(rank -> ranks.add(new WeightedShares(rank.stream()
                        .map(topic -> tenants.topics().get(topic).weight())
                        .toList())));
        tenants.topics()
                .forEach(topic -> topics.add(new WeightedShares(topic.members().stream()
                        .map(member -> tenants.members().get(member).weight())
                        .toList())));
    }

    /**
     * The tenant whose request starts next.
     *
     * @param canStart whether a tenant has a request that {@link #mayStart}
     */
    OptionalInt next(IntPredicate canStart) {
        return next(0, canStart);
    }

    /** Whether the tokens of a tenant allow this request. */
    boolean mayStart(Delivery delivery) {
        int tenant = tenants.indexOf(delivery.request().tenant());
        OptionalLong max = tenants.members().get(tenant).maxOpenTokens();
        return max.isEmpty()
                || openTokens[tenant] == 0
                || openTokens[tenant] + tokensOf(delivery.tokens()) <= max.getAsLong();
    }

    /** Called for each request that starts. */
    void started(Delivery delivery) {
        long tokens = tokensOf(delivery.tokens());
        open.put(delivery, tokens);
        int tenant = tenants.indexOf(delivery.request().tenant());
        openTokens[tenant] += tokens;
        Tenants.Topic topic = topicOf(tenant);
        ranks.get(topic.rank()).started(topic.indexInRank(), tokens);
        topics.get(topic.index()).started(topic.members().indexOf(tenant), tokens);
    }

    /**
     * Called when a request ends. Has no effect for one that has not started, or has ended before.
     *
     * @param used tokens that the request has used
     */
    void ended(Delivery delivery, long used) {
        Long expected = open.remove(delivery);
        if (expected == null) {
            return;
        }
        int tenant = tenants.indexOf(delivery.request().tenant());
        openTokens[tenant] -= expected;
        double more = tokensOf(used) - expected;
        Tenants.Topic topic = topicOf(tenant);
        ranks.get(topic.rank()).corrected(topic.indexInRank(), more);
        topics.get(topic.index()).corrected(topic.members().indexOf(tenant), more);
    }

    private OptionalInt next(int from, IntPredicate canStart) {
        int first = firstRank(from, canStart);
        if (first < 0) {
            return OptionalInt.empty();
        }
        if (firstRank(first + 1, canStart) >= 0) {
            credits[first] += lowerShare;
            if (credits[first] > 1 - 1e-9) {
                credits[first] -= 1;
                return next(first + 1, canStart);
            }
        }
        List<Integer> rank = tenants.ranks().get(first);
        int topic = rank.get(ranks.get(first)
                .next(each -> canStart(rank.get(each), canStart))
                .orElseThrow());
        List<Integer> members = tenants.topics().get(topic).members();
        return OptionalInt.of(members.get(
                topics.get(topic).next(each -> canStart.test(members.get(each))).orElseThrow()));
    }

    private int firstRank(int from, IntPredicate canStart) {
        for (int rank = from; rank < ranks.size(); rank++) {
            if (tenants.ranks().get(rank).stream().anyMatch(topic -> canStart(topic, canStart))) {
                return rank;
            }
        }
        return -1;
    }

    private boolean canStart(int topic, IntPredicate canStart) {
        return tenants.topics().get(topic).members().stream().anyMatch(canStart::test);
    }

    private Tenants.Topic topicOf(int tenant) {
        return tenants.topics().get(tenants.members().get(tenant).topic());
    }

    private static long tokensOf(long tokens) {
        return Math.max(MIN_TOKENS, tokens);
    }
}
