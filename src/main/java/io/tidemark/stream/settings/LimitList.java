package io.tidemark.stream.settings;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A limit of tenants, as the settings {@code tidemark.tenants.max-*} have it: {@code NUMBER} holds for all tenants, and
 * {@code TENANT=NUMBER} for one tenant or all tenants of a topic. The most specific number applies.
 */
public final class LimitList {

    private final Map<String, Long> numbers;
    private final OptionalLong others;

    private LimitList(Map<String, Long> numbers, OptionalLong others) {
        this.numbers = Map.copyOf(numbers);
        this.others = others;
    }

    /**
     * Reads a setting.
     *
     * @throws IllegalArgumentException whose message begins with the name of the setting, also for a number that is not
     *                                  in the range
     */
    public static LimitList of(String setting, List<String> values, long min, long max) {
        Map<String, Long> numbers = new HashMap<>();
        OptionalLong others = OptionalLong.empty();
        for (String value : values) {
            int equals = value.lastIndexOf('=');
            long number = number(setting, value.substring(equals + 1).strip(), min, max);
            String tenant = equals < 0 ? "" : value.substring(0, equals).strip();
            boolean repeated = equals < 0 ? others.isPresent() : numbers.put(tenant, number) != null;
            if (repeated || equals >= 0 && tenant.isEmpty()) {
                throw new IllegalArgumentException(setting
                        + " must be NUMBER or TENANT=NUMBER, once for each tenant, separated by commas, not "
                        + values);
            }
            others = equals < 0 ? OptionalLong.of(number) : others;
        }
        return new LimitList(numbers, others);
    }

    /** The names of tenants and topics with a number of their own. */
    public Set<String> names() {
        return numbers.keySet();
    }

    /** The limit of a tenant of a topic; empty if it has none. */
    public OptionalLong of(String topic, String tenant) {
        Long number = numbers.getOrDefault(tenant, numbers.get(topic));
        return number == null ? others : OptionalLong.of(number);
    }

    private static long number(String setting, String text, long min, long max) {
        try {
            long number = Long.parseLong(text);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // reported below, like a number out of range
        }
        throw new IllegalArgumentException(
                setting + " must be numbers from " + min + " to " + max + ", not '" + text + "'");
    }
}
