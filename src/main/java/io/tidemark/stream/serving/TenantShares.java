package io.tidemark.stream.serving;

import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.Tenants;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.Tenants.TopicShare;
import io.tidemark.stream.settings.LimitList;
import io.tidemark.stream.settings.TenantPlan;
import io.tidemark.stream.settings.TidemarkSettings;
import io.tidemark.stream.settings.WeightedName;
import java.util.List;
import java.util.stream.Stream;

/** The tenants that the settings name. Names in settings have no prefix; names of tenants have that of the topics. */
final class TenantShares {

    private final TenantPlan plan;
    private final String prefix;

    TenantShares(TenantPlan plan, String prefix) {
        this.plan = plan;
        this.prefix = prefix;
    }

    /** @throws IllegalArgumentException whose message begins with the name of the setting */
    static Tenants of(TidemarkSettings settings) {
        TenantPlan plan = TenantPlan.of(settings.topics(), settings.tenants());
        TenantShares shares = new TenantShares(plan, settings.topics().prefix().orElse(""));
        return new Tenants(plan.header(), shares.ranks());
    }

    /** The topics of each rank, the highest priority first. */
    List<List<TopicShare>> ranks() {
        return plan.topics().ranks().stream()
                .map(rank -> rank.stream().map(this::topic).toList())
                .toList();
    }

    private TopicShare topic(WeightedName topic) {
        Stream<TenantShare> named = plan.divisionsOf(topic.name()).stream()
                .map(each ->
                        tenant(topic.name(), each.name(), TenantPlan.tenant(topic.name(), each.name()), each.weight()));
        return new TopicShare(
                prefix + topic.name(),
                topic.weight(),
                Stream.concat(Stream.of(tenant(topic.name(), "", topic.name(), 1)), named)
                        .toList());
    }

    private TenantShare tenant(String topic, String claim, String name, int weight) {
        TenantPlan.TenantLimits limits = plan.limits();
        return new TenantShare(
                claim,
                new Tenant(
                        prefix + name,
                        new Tenant.RequestLimits(
                                number(limits.maxChoices(), topic, name, Tenant.RequestLimits.NONE.maxChoices()),
                                number(limits.maxTokens(), topic, name, Tenant.RequestLimits.NONE.maxTokens()),
                                number(limits.maxLogprobs(), topic, name, Tenant.RequestLimits.NONE.maxLogprobs()),
                                number(limits.minPriority(), topic, name, Tenant.RequestLimits.NONE.minPriority()),
                                number(limits.maxPriority(), topic, name, Tenant.RequestLimits.NONE.maxPriority()),
                                limits.adapters().of(topic, name))),
                weight,
                limits.maxOpenTokens().of(topic, name));
    }

    private static int number(LimitList list, String topic, String tenant, int absent) {
        return Math.toIntExact(list.of(topic, tenant).orElse(absent));
    }
}
