package io.tidemark.adapter;

import io.tidemark.tenant.TenantOrder;
import io.tidemark.tenant.TenantWeights;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The leases that wait for a load or for the share of their tenant, and which adapter loads next.
 *
 * <p><em>Order.</em> The next load is that of the tenant whose turn it is, see {@link TenantOrder}; a tenant's adapters
 * load in the order of their first lease. While the next load does not fit, one that fits without an eviction may pass
 * it, at most {@value #MAX_PASSES} times.
 *
 * <p><em>Shares.</em> Tenants that have adapters or wait for one share the budget by weight. A lease is within the
 * share of its tenant if the memory charged to the tenant, see {@link AdapterCache}, then is at most the share, or if
 * the tenant has no adapter or has this one already. Any other lease waits while another tenant waits for a load that
 * is within its own share. So a tenant can use the whole budget as long as nobody else needs it.
 *
 * <p>Not thread-safe: guarded by the lock of {@link AdapterLoads}. The waiting leases belong to open requests, whose
 * bytes are bounded.
 */
final class WaitingLoads {

    /** How many loads pass one that does not fit, at most. */
    static final int MAX_PASSES = 8;

    /** How far a charge may exceed the share, relative to it: a sum of parts has rounding errors. */
    private static final double ROUNDING = 1e-9;

    private final TenantWeights weights;
    private final TenantOrder order;
    private final AdapterCache cache;
    private final ToLongFunction<RegisteredAdapter> bytes;

    /** The leases that wait, by tenant and adapter, in the order of the first lease. */
    private final Map<String, Map<RegisteredAdapter, List<CompletableFuture<AdapterLease>>>> leases =
            new LinkedHashMap<>();
    /** The load whose turn it is, until it fits. */
    private Optional<Pending> next = Optional.empty();
    /** How many loads have passed an adapter. */
    private final Map<RegisteredAdapter, Integer> passes = new HashMap<>();

    /** An adapter that leases of a tenant wait for. */
    record Pending(String tenant, RegisteredAdapter adapter) {}

    /** @param bytes the memory that an adapter is expected to take, at most the budget */
    WaitingLoads(TenantWeights weights, AdapterCache cache, ToLongFunction<RegisteredAdapter> bytes) {
        this.weights = weights;
        this.order = new TenantOrder(weights);
        this.cache = cache;
        this.bytes = bytes;
    }

    void add(Pending pending, CompletableFuture<AdapterLease> lease) {
        order.add(pending.tenant);
        leases.computeIfAbsent(pending.tenant, tenant -> new LinkedHashMap<>())
                .computeIfAbsent(pending.adapter, adapter -> new ArrayList<>())
                .add(lease);
    }

    boolean isEmpty() {
        return leases.isEmpty();
    }

    /** The leases that wait, by adapter. */
    Set<RegisteredAdapter> adapters() {
        Set<RegisteredAdapter> adapters = new HashSet<>();
        leases.values().forEach(each -> adapters.addAll(each.keySet()));
        return adapters;
    }

    /** Removes a lease, if it waits. */
    void remove(Pending pending, CompletableFuture<AdapterLease> lease) {
        List<CompletableFuture<AdapterLease>> own =
                leases.getOrDefault(pending.tenant, Map.of()).get(pending.adapter);
        if (own != null && own.remove(lease) && own.isEmpty()) {
            take(pending);
            if (!adapters().contains(pending.adapter)) {
                passes.remove(pending.adapter);
            }
        }
    }

    /** Removes the leases of a tenant that wait for an adapter. */
    List<CompletableFuture<AdapterLease>> take(Pending pending) {
        Map<RegisteredAdapter, List<CompletableFuture<AdapterLease>>> own =
                leases.getOrDefault(pending.tenant, Map.of());
        if (!own.containsKey(pending.adapter)) {
            return List.of();
        }
        List<CompletableFuture<AdapterLease>> taken = own.remove(pending.adapter);
        if (own.isEmpty()) {
            leases.remove(pending.tenant);
        }
        return taken;
    }

    /** Removes all leases that wait for an adapter. */
    List<CompletableFuture<AdapterLease>> take(RegisteredAdapter adapter) {
        passes.remove(adapter);
        return List.copyOf(leases.keySet()).stream()
                .flatMap(tenant -> take(new Pending(tenant, adapter)).stream())
                .toList();
    }

    /** Whether a lease of an adapter that has memory can be granted now. */
    boolean mayHold(Pending pending) {
        // most often nobody waits
        return leases.isEmpty() || new Shares().permitted(pending.tenant).test(pending.adapter);
    }

    /** Leases that wait although their adapter has memory, and need not wait any more. */
    Optional<Pending> grantable() {
        Shares shares = new Shares();
        return leases.keySet().stream()
                .flatMap(tenant -> leases.get(tenant).keySet().stream()
                        .filter(adapter -> cache.hasMemory(adapter.key()))
                        .filter(shares.permitted(tenant))
                        .map(adapter -> new Pending(tenant, adapter)))
                .findFirst();
    }

    /**
     * Reserves memory for the load that starts now, and evicts adapters for the next one if it does not fit. Called
     * while a thread can load.
     *
     * @return empty if no load can start before memory is freed
     */
    Optional<Pending> start() {
        next = next.filter(this::mayLoad).or(() -> choose(adapter -> true));
        if (next.isEmpty()) {
            return Optional.empty();
        }
        Pending first = next.get();
        if (cache.reserve(first.adapter.key(), bytes(first.adapter))) {
            next = Optional.empty();
            started(first);
            return Optional.of(first);
        }
        // what has been evicted without leases is freed first
        if (cache.canFree() || passes.getOrDefault(first.adapter, 0) == MAX_PASSES) {
            return Optional.empty();
        }
        Optional<Pending> passing = choose(adapter -> cache.fits(bytes(adapter)));
        passing.ifPresent(pending -> {
            cache.reserve(pending.adapter.key(), bytes(pending.adapter));
            passes.merge(first.adapter, 1, Integer::sum);
            started(pending);
        });
        return passing;
    }

    private void started(Pending pending) {
        passes.remove(pending.adapter);
        order.started(pending.tenant, bytes(pending.adapter));
    }

    private long bytes(RegisteredAdapter adapter) {
        return bytes.applyAsLong(adapter);
    }

    private Optional<Pending> choose(Predicate<RegisteredAdapter> condition) {
        Shares shares = new Shares();
        Map<String, Pending> choices = new HashMap<>();
        leases.keySet()
                .forEach(tenant -> loads(tenant)
                        .filter(condition)
                        .filter(shares.permitted(tenant))
                        .findFirst()
                        .ifPresent(adapter -> choices.put(tenant, new Pending(tenant, adapter))));
        return order.next(choices::containsKey).map(choices::get);
    }

    private boolean mayLoad(Pending pending) {
        return loads(pending.tenant).anyMatch(pending.adapter::equals) && mayHold(pending);
    }

    /** The adapters that a tenant waits for and that have no memory. */
    private Stream<RegisteredAdapter> loads(String tenant) {
        return leases.getOrDefault(tenant, Map.of()).keySet().stream()
                .filter(adapter -> !cache.hasMemory(adapter.key()));
    }

    /** What belongs to each tenant now, and who waits for a load within its share. */
    private final class Shares {

        private final Map<String, Double> charges = cache.charges();
        private final Set<String> tenants = new HashSet<>(charges.keySet());
        private final Set<String> entitled;

        private Shares() {
            tenants.addAll(leases.keySet());
            entitled = leases.keySet().stream()
                    .filter(tenant -> loads(tenant).anyMatch(within(tenant)))
                    .collect(Collectors.toSet());
        }

        /** Whether a lease of an adapter need not wait for other tenants. */
        private Predicate<RegisteredAdapter> permitted(String tenant) {
            return entitled.stream().allMatch(tenant::equals) ? adapter -> true : within(tenant);
        }

        /** Whether a lease of an adapter is within the share of a tenant. */
        private Predicate<RegisteredAdapter> within(String tenant) {
            double share = cache.budget() * weights.share(tenant, tenants) * (1 + ROUNDING);
            double charge = charges.getOrDefault(tenant, 0.0);
            return adapter -> {
                double added = cache.addedCharge(adapter.key(), tenant, bytes(adapter));
                return charge == 0 || added == 0 || charge + added <= share;
            };
        }
    }
}
