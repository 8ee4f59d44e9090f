package io.tidemark.stream.settings;

import io.tidemark.stream.settings.TidemarkSettings.TenantSettings;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The tenants that the settings name: the topics of each rank, the names that divide a topic, and the limits of each
 * tenant. Names of topics have no prefix here.
 *
 * @param topics the request topics by rank
 * @param header the header that names a tenant within a divided topic
 */
public record TenantPlan(
        RequestTopics topics, String header, Map<String, List<WeightedName>> divided, TenantLimits limits) {

    private static final String PREFIX = "tidemark.tenants.";
    private static final String DIVIDED = PREFIX + "divided";

    /** The limits of all tenants. */
    public record TenantLimits(
            LimitList maxOpenTokens,
            LimitList maxChoices,
            LimitList maxTokens,
            LimitList maxLogprobs,
            LimitList minPriority,
            LimitList maxPriority,
            AdapterPrefixes adapters) {

        /** The names of tenants and topics that each setting has. */
        private Map<String, Set<String>> names() {
            return Map.of(
                    "max-open-tokens", maxOpenTokens.names(),
                    "max-choices", maxChoices.names(),
                    "max-tokens", maxTokens.names(),
                    "max-logprobs", maxLogprobs.names(),
                    "min-priority", minPriority.names(),
                    "max-priority", maxPriority.names(),
                    "adapters", adapters.names());
        }
    }

    public TenantPlan {
        divided = Map.copyOf(divided);
    }

    /** @throws IllegalArgumentException whose message begins with the name of the setting */
    public static TenantPlan of(TopicSettings topicSettings, TenantSettings settings) {
        RequestTopics topics = RequestTopics.of(topicSettings.generationRequests());
        TenantPlan plan = new TenantPlan(
                topics,
                settings.header(),
                divided(settings.divided().orElse(List.of())),
                new TenantLimits(
                        limit("max-open-tokens", settings.maxOpenTokens().orElse(List.of()), 1, Long.MAX_VALUE),
                        limit("max-choices", settings.maxChoices().orElse(List.of()), 1, Integer.MAX_VALUE),
                        limit("max-tokens", settings.maxTokens().orElse(List.of()), 1, Integer.MAX_VALUE),
                        limit("max-logprobs", settings.maxLogprobs().orElse(List.of()), -1, Integer.MAX_VALUE),
                        limit("min-priority", settings.minPriority().orElse(List.of()), Integer.MIN_VALUE, 0),
                        limit("max-priority", settings.maxPriority().orElse(List.of()), 0, Integer.MAX_VALUE),
                        AdapterPrefixes.of(settings.adapters().orElse(List.of()))));
        plan.requireKnownNames();
        return plan;
    }

    /** The tenants of a topic besides the one with the name of the topic. */
    public List<WeightedName> divisionsOf(String topic) {
        return divided.getOrDefault(topic, List.of());
    }

    /** The name of a tenant within a divided topic. Names of topics contain no slash. */
    public static String tenant(String topic, String name) {
        return topic + "/" + name;
    }

    private void requireKnownNames() {
        Set<String> known = new TreeSet<>(topics.names());
        for (String topic : divided.keySet()) {
            if (!known.contains(topic)) {
                throw new IllegalArgumentException(DIVIDED + " must be request topics, not '" + topic + "'");
            }
        }
        divided.forEach((topic, names) -> names.forEach(each -> known.add(tenant(topic, each.name()))));
        limits.names()
                .forEach((setting, names) -> names.forEach(name -> {
                    if (!known.contains(name)) {
                        throw new IllegalArgumentException(PREFIX + setting
                                + " must be limits of tenants that exist, not of '" + name + "'; there are " + known);
                    }
                }));
    }

    private static LimitList limit(String name, List<String> values, long min, long max) {
        return LimitList.of(PREFIX + name, values, min, max);
    }

    private static Map<String, List<WeightedName>> divided(List<String> setting) {
        Map<String, List<WeightedName>> divided = new HashMap<>();
        for (String each : setting) {
            int equals = each.indexOf('=');
            try {
                String topic = each.substring(0, Math.max(0, equals)).strip();
                List<WeightedName> names = WeightedName.listOf(each.substring(equals + 1));
                if (topic.isEmpty() || divided.put(topic, names) != null) {
                    throw new IllegalArgumentException("TOPIC=NAME|NAME, once for each topic, not '" + each + "'");
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(DIVIDED + " must be " + e.getMessage(), e);
            }
        }
        return divided;
    }
}
