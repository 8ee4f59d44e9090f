package io.tidemark.tenant;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * How tenants share what a worker has: by the rank of their topic, and in a rank by weight. A tenant that is not named
 * is a topic of its own in the lowest rank, with weight 1. Immutable.
 *
 * @param ranks      the topics of each rank, the highest priority first
 * @param lowerShare share of starts of the ranks below one that can start something, 0 to 1
 */
public record TenantWeights(List<List<Topic>> ranks, double lowerShare) {

    /** All tenants are equal. */
    public static final TenantWeights EQUAL = new TenantWeights(List.of(), 0);

    /**
     * A topic whose tenants share its weight.
     *
     * @param weight  among the topics of its rank, 1 or more
     * @param tenants weights by the name of the tenant, 1 or more each
     */
    public record Topic(int weight, Map<String, Integer> tenants) {

        public Topic {
            // in their order: of equal tenants, the first one comes first
            tenants = Collections.unmodifiableMap(new LinkedHashMap<>(tenants));
        }

        static Topic of(String tenant) {
            return new Topic(1, Map.of(tenant, 1));
        }
    }

    public TenantWeights {
        ranks = ranks.stream().map(List::copyOf).toList();
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
        Topic own = topic(tenant);
        int tenants = own.tenants().entrySet().stream()
                .filter(each -> each.getKey().equals(tenant) || among.contains(each.getKey()))
                .mapToInt(Map.Entry::getValue)
                .sum();
        int topics = Stream.concat(Stream.of(own), among.stream().map(this::topic))
                .distinct()
                .mapToInt(Topic::weight)
                .sum();
        return (double) own.weight() / topics * own.tenants().get(tenant) / tenants;
    }

    /** Whether at most one tenant is named. */
    public boolean isSingle() {
        return ranks.stream()
                        .flatMap(List::stream)
                        .mapToInt(topic -> topic.tenants().size())
                        .sum()
                < 2;
    }

    private Topic topic(String tenant) {
        return find(tenant).orElseGet(() -> Topic.of(tenant));
    }

    private Optional<Topic> find(String tenant) {
        return ranks.stream()
                .flatMap(List::stream)
                .filter(topic -> topic.tenants().containsKey(tenant))
                .findFirst();
    }
}
