package io.tidemark.stream.delivery;

import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Which tenant starts a request next, and the tokens that tenants have used. Ranks come in the order of their priority:
 * while one can start requests, the lower ones together get a fixed share of the starts, among themselves by the same
 * rule. The topics of a rank, and the tenants of a topic, share tokens by weight. A tenant whose started requests need
 * its maximum of tokens starts no further one.
 *
 * <p>A request counts with the tokens that it may need until it has ended, and with those that it has used afterwards.
 * It counts with at least {@value #MIN_TOKENS}, so that requests without tokens, such as invalid ones, share starts.
 *
 * <p>Not thread-safe.
 */
final class StartOrder {

    /** Tokens with which every request counts at least. */
    static final int MIN_TOKENS = 16;

    private final double lowerShare;
    /** The highest priority first. */
    private final List<Rank> ranks = new ArrayList<>();

    private final Map<Tenant, Account> accounts = new HashMap<>();
    /** Started requests that have not ended, and the tokens with which they count. */
    private final Map<Delivery, Long> open = new IdentityHashMap<>();

    /** The topics of equal priority, and the tenants of each topic. */
    private static final class Rank {

        private final WeightedShares<WeightedShares<Tenant>> topics = new WeightedShares<>();
        /** The share of starts that the ranks below have not had yet. */
        private double credit;

        private boolean anyCan(Predicate<Tenant> start) {
            return topics.anyCan(topic -> topic.anyCan(start));
        }

        /** Adds to the share of starts of the ranks below. Returns whether the next start is theirs. */
        private boolean yields(double lowerShare) {
            credit += lowerShare;
            boolean yields = credit > 1 - 1e-9;
            credit -= yields ? 1 : 0;
            return yields;
        }

        private Optional<Tenant> next(Predicate<Tenant> canStart) {
            return topics.next(topic -> topic.anyCan(canStart)).flatMap(topic -> topic.next(canStart));
        }
    }

    /** The tokens of a tenant. They count in its topic and in the rank of the topic, too. */
    private static final class Account {

        private final Rank rank;
        private final WeightedShares<Tenant> topic;
        private final TenantShare share;
        /** Of started requests that have not ended. */
        private long openTokens;

        private Account(Rank rank, WeightedShares<Tenant> topic, TenantShare share) {
            this.rank = rank;
            this.topic = topic;
            this.share = share;
        }

        private boolean permits(long tokens) {
            OptionalLong max = share.maxOpenTokens();
            return max.isEmpty() || openTokens == 0 || openTokens + tokens <= max.getAsLong();
        }

        private void started(long tokens) {
            openTokens += tokens;
            rank.topics.started(topic, tokens);
            topic.started(share.tenant(), tokens);
        }

        private void ended(long expected, long used) {
            openTokens -= expected;
            rank.topics.corrected(topic, used - expected);
            topic.corrected(share.tenant(), used - expected);
        }
    }

    /** @param lowerShare share of starts of the ranks below one that can start requests, 0 to 1 */
    StartOrder(Tenants tenants, double lowerShare) {
        this.lowerShare = lowerShare;
        tenants.ranks().forEach(this::add);
    }

    private void add(List<TopicShare> topics) {
        Rank rank = new Rank();
        for (TopicShare each : topics) {
            WeightedShares<Tenant> topic = new WeightedShares<>();
            rank.topics.add(topic, each.weight());
            for (TenantShare share : each.tenants()) {
                topic.add(share.tenant(), share.weight());
                accounts.put(share.tenant(), new Account(rank, topic, share));
            }
        }
        ranks.add(rank);
    }

    /**
     * The request that starts next.
     *
     * @param first the request of a tenant that would start, if the tenant has one and the heap has space for it
     */
    Optional<Delivery> next(Function<Tenant, Optional<Delivery>> first) {
        Predicate<Tenant> canStart = tenant -> first.apply(tenant)
                .filter(delivery -> accounts.get(tenant).permits(tokensOf(delivery.tokens())))
                .isPresent();
        Iterator<Rank> able =
                ranks.stream().filter(rank -> rank.anyCan(canStart)).iterator();
        while (able.hasNext()) {
            Rank rank = able.next();
            if (!able.hasNext() || !rank.yields(lowerShare)) {
                return rank.next(canStart).flatMap(first);
            }
        }
        return Optional.empty();
    }

    /** Called for each request that starts. */
    void started(Delivery delivery) {
        long tokens = tokensOf(delivery.tokens());
        open.put(delivery, tokens);
        accounts.get(delivery.request().tenant()).started(tokens);
    }

    /**
     * Called when a request ends. Has no effect for one that has not started, or has ended before.
     *
     * @param used tokens that the request has used
     */
    void ended(Delivery delivery, long used) {
        Long expected = open.remove(delivery);
        if (expected != null) {
            accounts.get(delivery.request().tenant()).ended(expected, tokensOf(used));
        }
    }

    private static long tokensOf(long tokens) {
        return Math.max(MIN_TOKENS, tokens);
    }
}
