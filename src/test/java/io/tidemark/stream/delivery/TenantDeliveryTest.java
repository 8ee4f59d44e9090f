package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.FinishReason;
import io.tidemark.request.Tenant;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import io.tidemark.stream.topics.TopicLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The delivery of two tenants' requests, with virtual time and a cluster in memory,")
class TenantDeliveryTest {

    private static final TopicLayout TOPICS =
            TopicLayout.of(TestSettings.with(Map.of("tidemark.topics.generation-requests", "team-a|team-b"))
                    .topics());
    private static final TopicPartition TEAM_A = new TopicPartition("team-a", 0);
    private static final TopicPartition TEAM_B = new TopicPartition("team-b", 0);

    private static final Tenants TENANTS = new Tenants(
            "tidemark-tenant",
            List.of(List.of(
                    topic(
                            "team-a",
                            new Tenant("team-a", new Tenant.RequestLimits(1, 500, 0, 0, 0, Optional.empty())),
                            OptionalLong.of(700)),
                    topic("team-b", Tenant.unlimited("team-b"), OptionalLong.empty()))));

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    @AutoClose
    private final OneThreadDelivery delivery = new OneThreadDelivery(MODEL, TOPICS, TENANTS, TEAM_A, TEAM_B);

    @Test
    @DisplayName("Starts no more of a tenant than its open tokens allow, and goes on when one ends or is abandoned")
    void openTokens() {
        for (int i = 0; i < 6; i++) {
            delivery.send(TEAM_A, ", \"max_tokens\": 300");
        }
        delivery.send(TEAM_B, ", \"max_tokens\": 300");
        delivery.turns(3);
        assertThat(started()).containsExactlyInAnyOrder("team-a", "team-b", "team-a");
        finish("team-a");
        delivery.turns(3);
        assertThat(started()).filteredOn("team-a"::equals).hasSize(3);
        delivery.kafka().assign(TEAM_B);
        delivery.turns(3);
        delivery.kafka().assign(TEAM_A, TEAM_B);
        delivery.turns(10);
        assertThat(started()).as("two were abandoned, and two start again").hasSize(6);
    }

    @Test
    @DisplayName("Leaves half of the heap of open requests to the other tenants")
    void openBytes() {
        for (int i = 0; i < 3; i++) {
            delivery.send(TEAM_B, ", \"max_tokens\": 195, \"n\": 16, \"logprobs\": 20");
        }
        delivery.turns(3);
        assertThat(started()).containsExactly("team-b", "team-b");
        delivery.send(TEAM_A, ", \"max_tokens\": 2");
        delivery.turns(3);
        assertThat(started()).containsExactly("team-b", "team-b", "team-a");
        finish("team-b");
        delivery.turns(3);
        assertThat(started()).hasSize(4);
    }

    @Test
    @DisplayName("Gives the engine the tenant of each request, which separates cached prefixes")
    void tenants() {
        delivery.send(TEAM_A, ", \"max_tokens\": 2");
        delivery.send(TEAM_B, ", \"max_tokens\": 2");
        delivery.turns(3);
        assertThat(started()).containsExactlyInAnyOrder("team-a", "team-b");
        assertThat(delivery.engine().submitted())
                .allSatisfy(request -> assertThat(request.id()).startsWith(request.tenant() + "-0-0"));
    }

    @Test
    @DisplayName("Answers a request above a limit of its tenant with an error, and runs the same of another tenant")
    void limits() {
        delivery.send(TEAM_A, ", \"n\": 2");
        delivery.send(TEAM_B, ", \"n\": 2");
        delivery.turns(5);
        assertThat(started()).containsExactly("team-b");
        List<JsonNode> results = delivery.results();
        assertThat(results).hasSize(1);
        assertThat(results.get(0).at("/error/code").asText()).isEqualTo("tenant_limit_exceeded");
        assertThat(results.get(0).at("/error/param").asText()).isEqualTo("n");
        assertThat(results.get(0).at("/error/message").asText())
                .isEqualTo("'n' is 2 and must be at most 1 for requests of tenant 'team-a'");
        assertThat(delivery.kafka().records(TOPICS.deadLetters())).hasSize(1);
    }

    private static TopicShare topic(String name, Tenant tenant, OptionalLong maxOpenTokens) {
        return new TopicShare(name, 1, List.of(new TenantShare("", tenant, 1, maxOpenTokens)));
    }

    /** The tenants of the requests in the engine, in the order of their start. */
    private List<String> started() {
        return delivery.engine().submitted().stream()
                .map(request -> request.tenant())
                .toList();
    }

    /** Ends the first request of a tenant. */
    private void finish(String tenant) {
        delivery.engine().finish(started().indexOf(tenant), "done", FinishReason.STOP);
    }
}
