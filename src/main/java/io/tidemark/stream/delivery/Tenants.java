package io.tidemark.stream.delivery;

import io.tidemark.request.Tenant;
import io.tidemark.tenant.TenantWeights;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * The tenants of the request topics. A topic is one tenant, or is divided by a header: each configured name is a
 * tenant, and all other requests of the topic are one more. Kafka's ACLs protect a topic. The header is a claim of the
 * sender. Immutable.
 *
 * <p>{@link StartOrder} divides the tokens among tenants, and {@link OpenShares} the heap.
 */
public final class Tenants {

    private final String header;
    private final List<List<TopicShare>> ranks;
    private final Map<String, TopicShare> topics = new HashMap<>();
    private final List<Tenant> all;
    /** The named tenants of each topic by the value of the header. */
    private final Map<String, Map<String, Tenant>> claims = new HashMap<>();

    /**
     * A request topic and its tenants.
     *
     * @param tenants the one for requests that name none of the others comes first
     */
    public record TopicShare(String name, int weight, List<TenantShare> tenants) {

        public TopicShare {
            tenants = List.copyOf(tenants);
        }
    }

    /**
     * A tenant of a topic.
     *
     * @param claim         value of the header; ignored for the first tenant of a topic
     * @param weight        among the tenants of the topic, 1 or more
     * @param maxOpenTokens tokens of started requests, 1 or more; empty for no maximum
     */
    public record TenantShare(String claim, Tenant tenant, int weight, OptionalLong maxOpenTokens) {}

    /**
     * @param header name of the header that divides a topic
     * @param ranks  the topics of each rank, the highest priority first
     */
    public Tenants(String header, List<List<TopicShare>> ranks) {
        this.header = header;
        this.ranks = ranks.stream().map(List::copyOf).toList();
        this.ranks.stream().flatMap(List::stream).forEach(topic -> {
            topics.put(topic.name(), topic);
            Map<String, Tenant> named = new HashMap<>();
            topic.tenants().stream().skip(1).forEach(each -> named.put(each.claim(), each.tenant()));
            claims.put(topic.name(), named);
        });
        this.all = shares().stream().map(TenantShare::tenant).toList();
    }

    /** The tenant that has sent a record of a request topic. */
    public Tenant of(ConsumerRecord<byte[], byte[]> record) {
        Tenant unnamed = topics.get(record.topic()).tenants().get(0).tenant();
        Map<String, Tenant> named = claims.get(record.topic());
        Header claim = named.isEmpty() ? null : record.headers().lastHeader(header);
        return claim == null || claim.value() == null
                ? unnamed
                : named.getOrDefault(new String(claim.value(), StandardCharsets.UTF_8), unnamed);
    }

    /**
     * How the tenants share a worker.
     *
     * @param lowerShare share of starts of the ranks below one that can start something, 0 to 1
     */
    public TenantWeights weights(double lowerShare) {
        return new TenantWeights(
                ranks.stream()
                        .map(topics -> topics.stream().map(Tenants::weights).toList())
                        .toList(),
                lowerShare);
    }

    private static TenantWeights.WeightedTopic weights(TopicShare topic) {
        Map<String, Integer> weights = new LinkedHashMap<>();
        topic.tenants().forEach(each -> weights.put(each.tenant().name(), each.weight()));
        return new TenantWeights.WeightedTopic(topic.weight(), weights);
    }

    /** The tenants of all topics. */
    List<TenantShare> shares() {
        return ranks.stream()
                .flatMap(List::stream)
                .flatMap(topic -> topic.tenants().stream())
                .toList();
    }

    TopicShare topic(String name) {
        return topics.get(name);
    }

    /** The tenants of all request topics. */
    public List<Tenant> all() {
        return all;
    }
}
