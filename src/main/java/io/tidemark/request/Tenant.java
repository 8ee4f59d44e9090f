package io.tidemark.request;

import io.tidemark.input.RejectedException;
import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A sender of requests as the worker sees it: a request topic, or a configured name within a topic. Cached prompt
 * prefixes are shared within a tenant only.
 *
 * @param name   unique in the worker, such as {@code team-a} or {@code shared/red}
 * @param limits what a request of this tenant may ask for
 */
public record Tenant(String name, RequestLimits limits) {

    /** Code of the error for a request that exceeds a limit of its tenant. */
    static final String CODE = "tenant_limit_exceeded";

    /**
     * The limits of a request. A request that exceeds one is rejected; its values are not changed.
     *
     * @param maxChoices  maximum of {@code n}
     * @param maxTokens   maximum of {@code max_tokens}
     * @param maxLogprobs maximum of {@code logprobs}; -1 refuses requests with log-probabilities
     * @param minPriority minimum of {@code priority}
     * @param maxPriority maximum of {@code priority}
     * @param adapters    what the names of adapters and aliases begin with; empty for any name
     */
    public record RequestLimits(
            int maxChoices,
            int maxTokens,
            int maxLogprobs,
            int minPriority,
            int maxPriority,
            Optional<List<String>> adapters) {

        /** No limits besides those of all requests. */
        public static final RequestLimits NONE = new RequestLimits(
                Integer.MAX_VALUE,
                Integer.MAX_VALUE,
                Integer.MAX_VALUE,
                Integer.MIN_VALUE,
                Integer.MAX_VALUE,
                Optional.empty());
    }

    /** A tenant without limits of its own. */
    public static Tenant unlimited(String name) {
        return new Tenant(name, RequestLimits.NONE);
    }

    /** @throws RejectedException for a request that exceeds a limit; the error names the field, limit and tenant */
    void check(RequestMessage message) throws RejectedException {
        atMost("n", message.n(), limits.maxChoices);
        atMost("max_tokens", message.ending().maxTokens(), limits.maxTokens);
        if (message.logprobs().isPresent()) {
            if (limits.maxLogprobs < 0) {
                throw exceeded("logprobs", "'logprobs' is not allowed");
            }
            atMost("logprobs", message.logprobs().getAsInt(), limits.maxLogprobs);
        }
        if (message.head().priority() < limits.minPriority) {
            throw exceeded(
                    "priority",
                    "'priority' is " + message.head().priority() + " and must be at least " + limits.minPriority);
        }
        atMost("priority", message.head().priority(), limits.maxPriority);
    }

    /** @throws RejectedException for an adapter or alias that the tenant may not use, also if it does not exist */
    void checkAdapter(String name) throws RejectedException {
        List<String> prefixes = limits.adapters.orElse(List.of(""));
        if (prefixes.stream().noneMatch(name::startsWith)) {
            throw exceeded(
                    "model",
                    "'model' is '" + name + "' and must begin with "
                            + prefixes.stream()
                                    .map(prefix -> "'" + prefix + "'")
                                    .collect(Collectors.joining(" or ")));
        }
    }

    private void atMost(String field, int value, int max) throws RejectedException {
        if (value > max) {
            throw exceeded(field, "'" + field + "' is " + value + " and must be at most " + max);
        }
    }

    private RejectedException exceeded(String field, String message) {
        return new RejectedException(CODE, field, message + " for requests of tenant '" + name + "'");
    }
}
