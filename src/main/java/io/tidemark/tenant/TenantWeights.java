package io.tidemark.tenant;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * How tenants share what a worker has: by the rank of their topic, and in a rank by weight. A tenant that is not named
 * is a topic of its own in the lowest rank, with weight 1. Immutable.
 */
public final class TenantWeights {

    /** All tenants are equal. */
    public static final TenantWeights EQUAL = new TenantWeights(List.of(), 0);

    private final List<List<WeightedTopic>> ranks;
    private final double lowerShare;
    private final Map<String, WeightedTopic> topics = new HashMap<>();

    /**
     * A topic whose tenants share its weight.
     *
     * @param weight  among the topics of its rank, 1 or more
     * @param tenants weights by the name of the tenant, 1 or more each
     */
    public record WeightedTopic(int weight, Map<String, Integer> tenants) {

        public WeightedTopic {
            // in their order: of equal tenants, the first one comes first
            tenants = Collections.unmodifiableMap(new LinkedHashMap<>(tenants));
        }

        static WeightedTopic of(String tenant) {
            return new WeightedTopic(1, Map.of(tenant, 1));
        }
    }

    /**
     * @param ranks      the topics of each rank, the highest priority first
     * @param lowerShare share of starts of the ranks below one that can start something, 0 to 1
     */
    public TenantWeights(List<List<WeightedTopic>> ranks, double lowerShare) {
        this.ranks = ranks.stream().map(List::copyOf).toList();
        this.lowerShare = lowerShare;
        ranks.stream()
                .flatMap(List::stream)
                .forEach(topic -> topic.tenants().keySet().forEach(tenant -> topics.put(tenant, topic)));
    }

    List<List<WeightedTopic>> ranks() {
        return ranks;
    }

    double lowerShare() {
        return lowerShare;
    }

    /** Whether at most one tenant is named. */
    public boolean isSingle() {
        return topics.size() < 2;
    }

    /**
     * The part of a resource that belongs to a tenant while it is divided among some tenants: the weight of its topic
     * over those of all topics, times its own weight over those of the tenants of its topic. A topic has its weight
     * once, however many of its tenants there are. Ranks make no difference.
     *
     * @param among names of tenants; the tenant itself counts even if it is not named
     * @return above 0, at most 1
     */
    public double share(String tenant, Set<String> among) {
        WeightedTopic own = topic(tenant);
        int tenants = own.tenants().entrySet().stream()
                .filter(each -> each.getKey().equals(tenant) || among.contains(each.getKey()))
                .mapToInt(Map.Entry::getValue)
                .sum();
        int all = Stream.concat(Stream.of(own), among.stream().map(this::topic))
                .distinct()
                .mapToInt(WeightedTopic::weight)
                .sum();
        return (double) own.weight() / all * own.tenants().get(tenant) / tenants;
    }

    private WeightedTopic topic(String tenant) {
        WeightedTopic named = topics.get(tenant);
        return named == null ? WeightedTopic.of(tenant) : named;
    }
}
