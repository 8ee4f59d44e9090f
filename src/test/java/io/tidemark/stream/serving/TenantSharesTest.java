package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.request.Tenant;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import io.tidemark.stream.settings.TenantPlan;
import io.tidemark.stream.settings.TidemarkSettings;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The tenants of a worker")
class TenantSharesTest {

    @Test
    @DisplayName("Have the prefix of the topics, and the weights and limits in the settings")
    void fromSettings() {
        TidemarkSettings settings = TestSettings.with(Map.of(
                "tidemark.topics.prefix", "p.",
                "tidemark.topics.generation-requests", "urgent,shared*3|own",
                "tidemark.tenants.divided", "shared=red*2",
                "tidemark.tenants.max-open-tokens", "own=5000",
                "tidemark.tenants.max-choices", "4,own=2",
                "tidemark.tenants.max-tokens", "own=300",
                "tidemark.tenants.max-logprobs", "own=-1",
                "tidemark.tenants.min-priority", "own=-5",
                "tidemark.tenants.max-priority", "own=7"));
        TenantPlan plan = TenantPlan.of(settings.topics(), settings.tenants());
        Tenant.RequestLimits none = Tenant.RequestLimits.NONE;
        Tenant.RequestLimits four = new Tenant.RequestLimits(
                4, none.maxTokens(), none.maxLogprobs(), none.minPriority(), none.maxPriority(), Optional.empty());
        OptionalLong any = OptionalLong.empty();
        assertThat(new TenantShares(plan, "p.").ranks())
                .containsExactly(
                        List.of(new TopicShare(
                                "p.urgent", 1, List.of(new TenantShare("", new Tenant("p.urgent", four), 1, any)))),
                        List.of(
                                new TopicShare(
                                        "p.shared",
                                        3,
                                        List.of(
                                                new TenantShare("", new Tenant("p.shared", four), 1, any),
                                                new TenantShare("red", new Tenant("p.shared/red", four), 2, any))),
                                new TopicShare(
                                        "p.own",
                                        1,
                                        List.of(new TenantShare(
                                                "",
                                                new Tenant(
                                                        "p.own",
                                                        new Tenant.RequestLimits(2, 300, -1, -5, 7, Optional.empty())),
                                                1,
                                                OptionalLong.of(5000))))));
        assertThat(TenantShares.of(settings)).isNotNull();
    }
}
