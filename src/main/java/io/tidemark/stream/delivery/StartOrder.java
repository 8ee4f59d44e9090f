package io.tidemark.stream.delivery;

import io.tidemark.request.Tenant;
import io.tidemark.stream.delivery.Tenants.TenantShare;
import io.tidemark.stream.delivery.reply.Delivery;
import io.tidemark.tenant.TenantOrder;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Which tenant starts a request next, by {@link TenantOrder}, and the tokens that tenants have used. A tenant whose
 * started requests need its maximum of tokens starts no further one.
 *
 * <p>A request counts with the tokens that it may need until it has ended, and with those that it has used afterwards.
 * It counts with at least {@value #MIN_TOKENS}, so that requests without tokens share starts.
 *
 * <p>Not thread-safe.
 */
final class StartOrder {

    /** How many tokens every request counts as at least. */
    static final int MIN_TOKENS = 16;

    private final TenantOrder order;
    private final Map<String, Tenant> tenants = new HashMap<>();
    private final Map<Tenant, OpenTokens> openTokens = new HashMap<>();
    /** The requests that have started and not ended, and how many tokens each counts as. */
    private final Map<Delivery, Long> open = new IdentityHashMap<>();

    /** The tokens of started requests of a tenant that have not ended, and their maximum. */
    private static final class OpenTokens {

        private final OptionalLong max;
        private long tokens;

        private OpenTokens(OptionalLong max) {
            this.max = max;
        }

        private boolean permit(long more) {
            return max.isEmpty() || tokens == 0 || tokens + more <= max.getAsLong();
        }
    }

    /** @param lowerShare share of starts of the ranks below one that can start requests, 0 to 1 */
    StartOrder(Tenants tenants, double lowerShare) {
        this.order = new TenantOrder(tenants.weights(lowerShare));
        tenants.shares().forEach(this::add);
    }

    private void add(TenantShare share) {
        tenants.put(share.tenant().name(), share.tenant());
        openTokens.put(share.tenant(), new OpenTokens(share.maxOpenTokens()));
    }

    /**
     * The request that starts next.
     *
     * @param first the request of a tenant that would start, if the tenant has one and the heap has space for it
     */
    Optional<Delivery> next(Function<Tenant, Optional<Delivery>> first) {
        Predicate<Tenant> canStart = tenant -> first.apply(tenant)
                .filter(delivery -> openTokens.get(tenant).permit(tokensOf(delivery.tokens())))
                .isPresent();
        return order.next(name -> canStart.test(tenants.get(name)))
                .map(tenants::get)
                .flatMap(first);
    }

    /** Counts the expected tokens of a request that starts. */
    void started(Delivery delivery) {
        long tokens = tokensOf(delivery.tokens());
        Tenant tenant = delivery.request().tenant();
        open.put(delivery, tokens);
        openTokens.get(tenant).tokens += tokens;
        order.started(tenant.name(), tokens);
    }

    /**
     * Counts the tokens that an ended request has used. Has no effect if it has not started, or has ended before.
     *
     * @param used tokens that the request has used
     */
    void ended(Delivery delivery, long used) {
        Long expected = open.remove(delivery);
        if (expected != null) {
            Tenant tenant = delivery.request().tenant();
            openTokens.get(tenant).tokens -= expected;
            order.corrected(tenant.name(), tokensOf(used) - expected);
        }
    }

    private static long tokensOf(long tokens) {
        return Math.max(MIN_TOKENS, tokens);
    }
}
