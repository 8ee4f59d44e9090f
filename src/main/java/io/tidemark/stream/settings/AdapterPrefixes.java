package io.tidemark.stream.settings;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which adapters tenants may use, as the setting {@code tidemark.tenants.adapters} has it: {@code PREFIX|PREFIX} holds
 * for all tenants, and {@code TENANT=PREFIX|PREFIX} for one tenant or all tenants of a topic. The most specific entry
 * applies.
 */
public final class AdapterPrefixes {

    private static final String SETTING = "tidemark.tenants.adapters";

    private final Map<String, List<String>> prefixes;
    private final Optional<List<String>> others;

    private AdapterPrefixes(Map<String, List<String>> prefixes, Optional<List<String>> others) {
        this.prefixes = Map.copyOf(prefixes);
        this.others = others;
    }

    /** @throws IllegalArgumentException whose message begins with the name of the setting */
    static AdapterPrefixes of(List<String> values) {
        Map<String, List<String>> prefixes = new HashMap<>();
        Optional<List<String>> others = Optional.empty();
        for (String value : values) {
            int equals = value.lastIndexOf('=');
            String tenant = equals < 0 ? "" : value.substring(0, equals).strip();
            List<String> names = Arrays.stream(value.substring(equals + 1).split("\\|", -1))
                    .map(String::strip)
                    .toList();
            boolean repeated = equals < 0 ? others.isPresent() : prefixes.put(tenant, names) != null;
            if (repeated || equals >= 0 && tenant.isEmpty() || names.contains("")) {
                throw new IllegalArgumentException(SETTING
                        + " must be PREFIX|PREFIX or TENANT=PREFIX|PREFIX, once for each tenant, separated by commas,"
                        + " not " + values);
            }
            others = equals < 0 ? Optional.of(names) : others;
        }
        return new AdapterPrefixes(prefixes, others);
    }

    /** The names of tenants and topics with an entry of their own. */
    Set<String> names() {
        return prefixes.keySet();
    }

    /** What the names of a tenant's adapters begin with; empty if it may use each. */
    public Optional<List<String>> of(String topic, String tenant) {
        return Optional.ofNullable(prefixes.getOrDefault(tenant, prefixes.get(topic)))
                .or(() -> others);
    }
}
