package io.tidemark.stream.delivery;

import io.tidemark.request.Tenant;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * The tenants of the request topics. A topic is one tenant, or is divided by a header: each configured name is a
 * tenant, and all other requests of the topic are one more. Kafka's ACLs protect a topic. The header is a claim of the
 * sender. Immutable.
 */
public final class Tenants {

    private final String header;
    private final List<List<Integer>> ranks = new ArrayList<>();
    private final List<Topic> topics = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private final Map<String, Integer> topicsByName = new HashMap<>();
    private final Map<String, Integer> membersByName = new HashMap<>();

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
     * @param members indices of the tenants; the one for unnamed requests comes first
     * @param claims  indices of the others by the value of the header
     */
    record Topic(
            int index, int rank, int indexInRank, int weight, List<Integer> members, Map<String, Integer> claims) {}

    /** @param topic index of the topic */
    record Member(Tenant tenant, int topic, int weight, OptionalLong maxOpenTokens) {}

    /**
     * @param header name of the header that divides a topic
     * @param shares the topics of each rank, the highest priority first
     */
    public Tenants(String header, List<List<TopicShare>> shares) {
        this.header = header;
        for (List<TopicShare> rank : shares) {
            List<Integer> indices = new ArrayList<>();
            for (TopicShare share : rank) {
                indices.add(topics.size());
                add(share, ranks.size(), indices.size() - 1);
            }
            ranks.add(indices);
        }
    }

    /** The tenant that has sent a record of a request topic. */
    Tenant of(ConsumerRecord<byte[], byte[]> record) {
        Topic topic = topic(record.topic());
        int member = topic.members().get(0);
        Header claim = topic.claims().isEmpty() ? null : record.headers().lastHeader(header);
        if (claim != null && claim.value() != null) {
            member = topic.claims().getOrDefault(new String(claim.value(), StandardCharsets.UTF_8), member);
        }
        return members.get(member).tenant();
    }

    int size() {
        return members.size();
    }

    /** Indices of the topics of each rank. */
    List<List<Integer>> ranks() {
        return ranks;
    }

    List<Topic> topics() {
        return topics;
    }

    List<Member> members() {
        return members;
    }

    Topic topic(String name) {
        return topics.get(topicsByName.get(name));
    }

    int indexOf(Tenant tenant) {
        return membersByName.get(tenant.name());
    }

    private void add(TopicShare share, int rank, int indexInRank) {
        int topic = topics.size();
        List<Integer> indices = new ArrayList<>();
        Map<String, Integer> claims = new HashMap<>();
        for (TenantShare each : share.tenants()) {
            if (!indices.isEmpty()) {
                claims.put(each.claim(), members.size());
            }
            indices.add(members.size());
            membersByName.put(each.tenant().name(), members.size());
            members.add(new Member(each.tenant(), topic, each.weight(), each.maxOpenTokens()));
        }
        topicsByName.put(share.name(), topic);
        topics.add(new Topic(topic, rank, indexInRank, share.weight(), List.copyOf(indices), Map.copyOf(claims)));
    }
}
