package io.tidemark.tenant;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Which tenant is next. Ranks come in the order of their priority: while one can start something, the lower ones
 * together get a fixed share of the starts, among themselves by the same rule. The topics of a rank, and the tenants of
 * a topic, share tokens by weight, see {@link WeightedShares}.
 *
 * <p>What a token is depends on the use: the tokens of a request, or the bytes or milliseconds of a task.
 *
 * <p>Not thread-safe.
 */
public final class TenantOrder {

    private final double lowerShare;
    /** The ranks, the highest priority first; never empty. */
    private final List<Rank> ranks = new ArrayList<>();

    private final Map<String, Account> accounts = new HashMap<>();

    /** The topics of equal priority, and the tenants of each topic. */
    private static final class Rank {

        private final WeightedShares<WeightedShares<String>> topics = new WeightedShares<>();
        /** The share of starts that the ranks below have not had yet. */
        private double credit;

        private boolean anyCan(Predicate<String> start) {
            return topics.anyCan(topic -> topic.anyCan(start));
        }

        /** Adds to the share of starts of the ranks below. Returns whether the next start is theirs. */
        private boolean yields(double lowerShare) {
            credit += lowerShare;
            boolean yields = credit > 1 - 1e-9;
            credit -= yields ? 1 : 0;
            return yields;
        }

        private Optional<String> next(Predicate<String> canStart) {
            return topics.next(topic -> topic.anyCan(canStart)).flatMap(topic -> topic.next(canStart));
        }
    }

    /** The rank and the topic for which the tokens of a tenant count. */
    private record Account(Rank rank, WeightedShares<String> topic) {}

    public TenantOrder(TenantWeights weights) {
        this.lowerShare = weights.lowerShare();
        weights.ranks().forEach(topics -> {
            Rank rank = new Rank();
            ranks.add(rank);
            topics.forEach(topic -> add(rank, topic));
        });
        if (ranks.isEmpty()) {
            ranks.add(new Rank());
        }
    }

    private void add(Rank rank, TenantWeights.WeightedTopic topic) {
        WeightedShares<String> tenants = new WeightedShares<>();
        rank.topics.add(tenants, topic.weight());
        topic.tenants().forEach((tenant, weight) -> {
            tenants.add(tenant, weight);
            accounts.put(tenant, new Account(rank, tenants));
        });
    }

    /** Adds a tenant that the weights do not name. Has no effect for one that is known. */
    public void add(String tenant) {
        if (!accounts.containsKey(tenant)) {
            add(ranks.get(ranks.size() - 1), TenantWeights.WeightedTopic.of(tenant));
        }
    }

    /**
     * The tenant that starts next. Uses up a share of starts: the caller starts something and calls {@link #started}.
     *
     * @param canStart whether a tenant has something to start
     * @return empty if none can start
     */
    public Optional<String> next(Predicate<String> canStart) {
        Iterator<Rank> able =
                ranks.stream().filter(rank -> rank.anyCan(canStart)).iterator();
        while (able.hasNext()) {
            Rank rank = able.next();
            boolean isForLower = able.hasNext() && rank.yields(lowerShare);
            if (!isForLower) {
                return rank.next(canStart);
            }
        }
        return Optional.empty();
    }

    /** Counts a start of a tenant that is expected to use this many tokens. */
    public void started(String tenant, double tokens) {
        Account account = accounts.get(tenant);
        account.rank.topics.started(account.topic, tokens);
        account.topic.started(tenant, tokens);
    }

    /** Counts the tokens beyond those that a start of a tenant was expected to use; negative if it used fewer. */
    public void corrected(String tenant, double tokens) {
        Account account = accounts.get(tenant);
        account.rank.topics.corrected(account.topic, tokens);
        account.topic.corrected(tenant, tokens);
    }
}
