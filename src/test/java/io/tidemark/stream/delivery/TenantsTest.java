package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Tenants")
class TenantsTest {

    private static final String HEADER = "tidemark-tenant";
    private static final int LONG = 1000;
    private static final int SHORT = 40;

    private final Map<TopicPartition, PartitionProgress> partitions = new HashMap<>();
    private final Map<TopicPartition, Integer> offsets = new HashMap<>();

    @Test
    @DisplayName("That send ten short requests each start them before the second further one of 10,000 long requests")
    void flood() {
        List<String> quiet = IntStream.range(0, 9).mapToObj(i -> "quiet-" + i).toList();
        Tenants tenants = ranks(Stream.concat(Stream.of("flood"), quiet.stream())
                .map(topic -> topic(topic, 1, OptionalLong.empty()))
                .toList());
        ReadAhead requests = new ReadAhead(tenants, 0.1, 32, ReadAheadTest.BUDGET, any -> false);
        add(requests, tenants, "flood", "", LONG, 10_000);
        Deque<Delivery> running = new ArrayDeque<>();
        for (int i = 0; i < 80; i++) {
            running.add(start(requests));
        }
        quiet.forEach(topic -> add(requests, tenants, topic, "", SHORT, 10));
        List<String> started = new ArrayList<>();
        for (int i = 0; i < 95; i++) {
            // one ends and one starts
            Delivery ended = running.remove();
            requests.ended(ended, ended.tokens());
            running.add(start(requests));
            started.add(running.getLast().partition().topic());
        }
        assertThat(started.subList(0, 10)).containsAll(quiet);
        assertThat(started.subList(0, 91)).as("starts of the flood").containsOnlyOnce("flood");
        assertThat(started.subList(91, 95)).containsOnly("flood");
    }

    @Test
    @DisplayName("Of one rank share the starts by weight, and the ranks keep their order and share")
    void weightsAndRanks() {
        Tenants tenants = ranks(
                List.of(topic("urgent", 1, OptionalLong.empty())),
                List.of(topic("team-a", 3, OptionalLong.empty()), topic("team-b", 1, OptionalLong.empty())),
                List.of(topic("bulk", 1, OptionalLong.empty())));
        ReadAhead requests = new ReadAhead(tenants, 0.1, 32, ReadAheadTest.BUDGET, any -> false);
        for (String topic : List.of("urgent", "team-a", "team-b", "bulk")) {
            add(requests, tenants, topic, "", SHORT, 1000);
        }
        Map<String, Integer> started = new HashMap<>();
        for (int i = 0; i < 1000; i++) {
            started.merge(start(requests).partition().topic(), 1, Integer::sum);
        }
        assertThat(started.get("urgent")).isEqualTo(900);
        assertThat(started.get("bulk")).isEqualTo(10);
        assertThat(started.get("team-a")).isBetween(67, 68);
        assertThat(started.get("team-b")).isBetween(22, 23);
    }

    @Test
    @DisplayName("Start no request that exceeds their open tokens, and the others start theirs")
    void openTokens() {
        Tenants tenants = ranks(
                List.of(topic("a", 1, OptionalLong.of(2500)), topic("b", 1, OptionalLong.empty())),
                List.of(topic("low", 1, OptionalLong.empty())));
        ReadAhead requests = new ReadAhead(tenants, 0, 32, ReadAheadTest.BUDGET, any -> false);
        add(requests, tenants, "a", "", LONG, 5);
        add(requests, tenants, "b", "", SHORT, 3);
        add(requests, tenants, "low", "", SHORT, 1);
        List<Delivery> started = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            started.add(start(requests));
        }
        assertThat(started)
                .extracting(each -> each.partition().topic())
                .containsOnlyOnce("low")
                .last()
                .isEqualTo("low");
        assertThat(started)
                .filteredOn(each -> each.partition().topic().equals("a"))
                .hasSize(2);
        assertThat(requests.take(ReadAheadTest.nothingOpen()))
                .as("three long requests of 'a' wait")
                .isEmpty();
        Delivery ended = started.stream()
                .filter(each -> each.partition().topic().equals("a"))
                .findFirst()
                .orElseThrow();
        requests.ended(ended, 5);
        requests.ended(ended, 5);
        assertThat(start(requests).partition().topic()).isEqualTo("a");
        assertThat(requests.take(ReadAheadTest.nothingOpen())).isEmpty();
    }

    @Test
    @DisplayName("Without open requests start one that exceeds their open tokens alone")
    void largerThanOpenTokens() {
        Tenants tenants = ranks(List.of(topic("a", 1, OptionalLong.of(10))));
        ReadAhead requests = new ReadAhead(tenants, 0, 32, ReadAheadTest.BUDGET, any -> false);
        add(requests, tenants, "a", "", LONG, 2);
        Delivery first = start(requests);
        assertThat(requests.take(ReadAheadTest.nothingOpen())).isEmpty();
        requests.ended(first, 0);
        assertThat(start(requests).offset()).isEqualTo(1);
    }

    @Test
    @DisplayName("Within a topic are the configured names, and all other requests of the topic are one tenant")
    void header() {
        Tenants tenants = divided();
        assertThat(tenants.of(record("shared", "red", SHORT)).name()).isEqualTo("shared/red");
        for (String other : List.of("green", "", "shared", "red ", "shared/red")) {
            assertThat(tenants.of(record("shared", other, SHORT)).name())
                    .as(other)
                    .isEqualTo("shared");
        }
        assertThat(tenants.of(record("shared", null, SHORT)).name())
                .as("no header")
                .isEqualTo("shared");
        assertThat(tenants.of(record("own", "red", SHORT)).name())
                .as("no divided topic")
                .isEqualTo("own");
    }

    @Test
    @DisplayName("Within a topic share its tokens, and get no more than other topics by their number")
    void shareOfATopic() {
        Tenants tenants = divided();
        ReadAhead requests = new ReadAhead(tenants, 0, 32, ReadAheadTest.BUDGET, any -> false);
        for (String name : List.of("red", "blue", "claim 1", "claim 2")) {
            add(requests, tenants, "shared", name, SHORT, 1000);
        }
        add(requests, tenants, "own", "", SHORT, 1000);
        Map<String, Integer> started = new HashMap<>();
        for (int i = 0; i < 800; i++) {
            started.merge(start(requests).request().tenant().name(), 1, Integer::sum);
        }
        assertThat(started.get("own")).isBetween(399, 401);
        assertThat(started.get("shared/red")).isBetween(198, 202);
        assertThat(started.get("shared/blue")).isBetween(98, 102);
        assertThat(started.get("shared")).isBetween(98, 102);
    }

    @Test
    @DisplayName("Within a partition: the oldest request of all tenants runs alone first, and all are removed together")
    void onePartition() {
        Tenants tenants = divided();
        ReadAhead requests = new ReadAhead(tenants, 0, 2, ReadAheadTest.BUDGET, any -> false);
        add(requests, tenants, "shared", "blue", SHORT, 1);
        add(requests, tenants, "shared", "red", SHORT, 1);
        add(requests, tenants, "shared", "blue", SHORT, 1);
        TopicPartition partition = new TopicPartition("shared", 0);
        assertThat(requests.isFull(partition, 1)).isTrue();
        assertThat(requests.peek(partition).orElseThrow().offset()).isZero();
        assertThat(requests.take(partition).orElseThrow().offset()).isZero();
        assertThat(requests.take(partition).orElseThrow().offset()).isEqualTo(1);
        requests.remove(partition);
        assertThat(requests.size()).isZero();
        assertThat(requests.peek(partition)).isEmpty();
    }

    private static Tenants divided() {
        return ranks(List.of(
                new TopicShare(
                        "shared",
                        1,
                        List.of(
                                new TenantShare("", Tenant.unlimited("shared"), 1, OptionalLong.empty()),
                                new TenantShare("red", Tenant.unlimited("shared/red"), 2, OptionalLong.empty()),
                                new TenantShare("blue", Tenant.unlimited("shared/blue"), 1, OptionalLong.empty()))),
                topic("own", 1, OptionalLong.empty())));
    }

    @SafeVarargs
    private static Tenants ranks(List<TopicShare>... ranks) {
        return new Tenants(HEADER, List.of(ranks));
    }

    private static TopicShare topic(String name, int weight, OptionalLong maxOpenTokens) {
        return new TopicShare(name, weight, List.of(new TenantShare("", Tenant.unlimited(name), 1, maxOpenTokens)));
    }

    private Delivery start(ReadAhead requests) {
        Delivery next = requests.take(ReadAheadTest.nothingOpen()).orElseThrow();
        requests.started(next);
        return next;
    }

    private void add(ReadAhead requests, Tenants tenants, String topic, String name, int tokens, int count) {
        for (int i = 0; i < count; i++) {
            ConsumerRecord<byte[], byte[]> record = record(topic, name, tokens);
            TopicPartition partition = new TopicPartition(topic, 0);
            requests.add(new Delivery(
                    record,
                    partitions.computeIfAbsent(partition, Deliveries::progress),
                    Deliveries.toResults("results").reply(record),
                    1,
                    0,
                    tenants.of(record),
                    1 << 17));
        }
    }

    /** @param tenant null for no header */
    private ConsumerRecord<byte[], byte[]> record(String topic, String tenant, int tokens) {
        byte[] value = ("{\"prompt\":\"x\",\"max_tokens\":" + tokens + "}").getBytes(StandardCharsets.UTF_8);
        int offset = offsets.merge(new TopicPartition(topic, 0), 1, Integer::sum) - 1;
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(topic, 0, offset, null, value);
        if (tenant != null) {
            record.headers().add(HEADER, tenant.getBytes(StandardCharsets.UTF_8));
        }
        return record;
    }
}
