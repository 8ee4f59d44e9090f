package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.load.WorkEstimate;
import io.tidemark.request.AdapterSuggestions;
import io.tidemark.request.Admission;
import io.tidemark.request.Answers;
import io.tidemark.request.RecordingEngine;
import io.tidemark.request.RequestFixtures;
import io.tidemark.request.RequestListener;
import io.tidemark.request.RequestRunner;
import io.tidemark.request.Tenant;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.TopicClient;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.topics.ReplyTopics;
import io.tidemark.stream.topics.SimulatedKafka;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The delivery of two tenants' requests, with virtual time and a cluster in memory,")
class TenantDeliveryTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of("tidemark.topics.generation-requests", "team-a|team-b"))
                    .topics());
    private static final TopicPartition TEAM_A = new TopicPartition("team-a", 0);
    private static final TopicPartition TEAM_B = new TopicPartition("team-b", 0);

    private final VirtualTime time = new VirtualTime();
    private final SimulatedKafka kafka =
            new SimulatedKafka(time, Map.of("team-a", 1, "team-b", 1, TOPICS.results(), 1, TOPICS.deadLetters(), 1));
    private final RecordingEngine engine = new RecordingEngine();
    private FixtureModel model;
    private AdapterStore adapters;
    private GroupSession session;

    @BeforeEach
    void open() {
        model = FixtureModel.load("llama-gqa");
        adapters = new AdapterStore(model.model());
        kafka.assign(TEAM_A, TEAM_B);
        RequestRunner requests = new RequestRunner(
                10_000,
                new Admission(
                        model.model(), adapters, new BoundaryTable(), AdapterSuggestions.NONE, RequestListener.NONE),
                adapters::lease,
                engine,
                new Answers("llama-gqa", model.model().config().numLayers(), "w", time),
                RequestFixtures.threads(Runnable::run, (delay, task) -> () -> {}),
                time,
                failure -> {
                    throw new AssertionError(failure);
                });
        Tenant limited = new Tenant("team-a", new Tenant.Limits(1, 500, 0, 0, 0));
        session = new DeliveryLoop(
                        new DeliveryOptions(
                                "group", "group/w-1", 4, 0.1, 10_000, ReadAheadTest.BUDGET, Duration.ofSeconds(10)),
                        new DeliveryLoop.Cluster(
                                kafka,
                                TOPICS,
                                new Tenants(
                                        "tidemark-tenant",
                                        List.of(List.of(
                                                topic("team-a", limited, OptionalLong.of(700)),
                                                topic("team-b", Tenant.unlimited("team-b"), OptionalLong.empty())))),
                                new ReplyRouting(
                                        List.of(),
                                        new ReplyTopics(TOPICS.results(), Map.of(TOPICS.results(), 1)),
                                        new EventWriter(event -> {}))),
                        new DeliveryLoop.Requests(requests, new WorkEstimate(engine), RequestListener.NONE),
                        new LoopControl(Duration.ofSeconds(30), time),
                        new DeliveryStatus(time),
                        new DeliveryLoop.Threads(Runnable::run, Runnable::run),
                        time)
                .open();
        session.subscribe(TOPICS.requestTopics());
    }

    @AfterEach
    void close() {
        session.close();
        adapters.close();
        model.close();
    }

    @Test
    @DisplayName("Starts no more of a tenant than its open tokens allow, and goes on when one ends or is abandoned")
    void openTokens() {
        for (int i = 0; i < 6; i++) {
            send(TEAM_A, "\"max_tokens\": 300");
        }
        send(TEAM_B, "\"max_tokens\": 300");
        turns(3);
        assertThat(started()).containsExactlyInAnyOrder("team-a", "team-b", "team-a");
        finish("team-a");
        turns(3);
        assertThat(started()).filteredOn("team-a"::equals).hasSize(3);
        kafka.assign(TEAM_B);
        turns(3);
        kafka.assign(TEAM_A, TEAM_B);
        turns(10);
        assertThat(started()).as("two were abandoned, and two start again").hasSize(6);
    }

    @Test
    @DisplayName("Leaves half of the heap of open requests to the other tenants")
    void openBytes() {
        for (int i = 0; i < 3; i++) {
            send(TEAM_B, "\"max_tokens\": 195, \"n\": 16, \"logprobs\": 20");
        }
        turns(3);
        assertThat(started()).containsExactly("team-b", "team-b");
        send(TEAM_A, "\"max_tokens\": 2");
        turns(3);
        assertThat(started()).containsExactly("team-b", "team-b", "team-a");
        finish("team-b");
        turns(3);
        assertThat(started()).hasSize(4);
    }

    @Test
    @DisplayName("Gives the engine the tenant of each request, which separates cached prefixes")
    void tenants() {
        send(TEAM_A, "\"max_tokens\": 2");
        send(TEAM_B, "\"max_tokens\": 2");
        turns(3);
        assertThat(started()).containsExactlyInAnyOrder("team-a", "team-b");
        assertThat(engine.submitted())
                .allSatisfy(request -> assertThat(request.id()).startsWith(request.tenant() + "-0-0"));
    }

    @Test
    @DisplayName("Answers a request above a limit of its tenant with an error, and runs the same of another tenant")
    void limits() {
        send(TEAM_A, "\"n\": 2");
        send(TEAM_B, "\"n\": 2");
        turns(5);
        assertThat(started()).containsExactly("team-b");
        List<JsonNode> results = kafka.records(TOPICS.results()).stream()
                .map(record -> TopicClient.json(record.value()))
                .toList();
        assertThat(results).hasSize(1);
        assertThat(results.get(0).at("/error/code").asText()).isEqualTo("tenant_limit_exceeded");
        assertThat(results.get(0).at("/error/param").asText()).isEqualTo("n");
        assertThat(results.get(0).at("/error/message").asText())
                .isEqualTo("'n' is 2 and must be at most 1 for requests of tenant 'team-a'");
        assertThat(kafka.records(TOPICS.deadLetters())).hasSize(1);
    }

    private static TopicShare topic(String name, Tenant tenant, OptionalLong maxOpenTokens) {
        return new TopicShare(name, 1, List.of(new TenantShare("", tenant, 1, maxOpenTokens)));
    }

    private void send(TopicPartition partition, String fields) {
        kafka.append(
                partition,
                null,
                TopicClient.bytes("{\"model\": \"" + model.model().name() + "\", \"prompt\": \"x\", " + fields + "}"));
    }

    private void turns(int count) {
        for (int i = 0; i < count; i++) {
            assertThat(session.turn()).isTrue();
        }
    }

    /** The tenants of the requests in the engine, in the order of their start. */
    private List<String> started() {
        return engine.submitted().stream().map(request -> request.tenant()).toList();
    }

    /** Ends the first request of a tenant. */
    private void finish(String tenant) {
        int index = started().indexOf(tenant);
        engine.listeners()
                .get(index)
                .onFinished(new Completion(
                        engine.submitted().get(index).id(),
                        List.of(new Completion.Choice(0, "done", List.of(1), FinishReason.STOP, List.of())),
                        new Completion.Usage(1, 1, 0),
                        new Completion.Timing(1, 1, 2)));
    }
}
