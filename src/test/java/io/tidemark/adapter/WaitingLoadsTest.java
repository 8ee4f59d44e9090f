package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.WaitingLoads.Pending;
import io.tidemark.tenant.TenantWeights;
import io.tidemark.tenant.TenantWeights.WeightedTopic;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Loads that wait for memory")
class WaitingLoadsTest {

    private final Map<String, RegisteredAdapter> adapters = new HashMap<>();
    private final Map<RegisteredAdapter, Long> bytes = new HashMap<>();
    private AdapterCache cache;
    private WaitingLoads waiting;

    @ParameterizedTest(name = "all of one tenant: {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("One that does not fit is passed by eight that fit, but not by a ninth")
    void passes(boolean oneTenant) {
        budget(100, TenantWeights.EQUAL);
        hold("other", "used", 50);
        want("a", "large", 80);
        for (int i = 1; i <= 9; i++) {
            want(oneTenant ? "a" : "t" + i, "small" + i, 5);
        }
        assertThat(startAll())
                .containsExactly("small1", "small2", "small3", "small4", "small5", "small6", "small7", "small8");
        free("used");
        assertThat(startAll()).isEmpty();
        free("small1");
        free("small2");
        free("small3");
        assertThat(startAll()).isEmpty();
        free("small4");
        assertThat(startAll()).containsExactly("large");
        free("small5");
        assertThat(startAll()).containsExactly("small9");
    }

    @Test
    @DisplayName("Tenants take turns: one adapter of a tenant waits for one of another tenant, however many it wants")
    void turns() {
        budget(Long.MAX_VALUE, TenantWeights.EQUAL);
        List.of("a1", "a2", "a3", "a4").forEach(id -> want("a", id, 10));
        assertThat(start()).contains("a1");
        want("b", "b1", 10);
        assertThat(startAll()).containsExactly("b1", "a2", "a3", "a4");
    }

    @Test
    @DisplayName("Tenants of a higher rank come first, and tenants of one rank share the bytes of loads by weight")
    void ranks() {
        budget(
                Long.MAX_VALUE,
                new TenantWeights(
                        List.of(
                                List.of(new WeightedTopic(1, Map.of("urgent", 1))),
                                List.of(new WeightedTopic(1, Map.of("a", 1)), new WeightedTopic(2, Map.of("b", 1)))),
                        0));
        List.of("a1", "a2", "a3").forEach(id -> want("a", id, 20));
        List.of("b1", "b2", "b3", "b4").forEach(id -> want("b", id, 20));
        List.of("u1", "u2").forEach(id -> want("urgent", id, 20));
        assertThat(startAll()).containsExactly("u1", "u2", "a1", "b1", "b2", "a2", "b3", "b4", "a3");
    }

    @Test
    @DisplayName("A lease that is removed does not wait any more, and can be removed once it has left the queue")
    void removed() {
        budget(100, TenantWeights.EQUAL);
        want("a", "x", 10);
        CompletableFuture<AdapterLease> lease = new CompletableFuture<>();
        Pending pending = new Pending("b", adapters.get("x"));
        waiting.add(pending, lease);
        waiting.remove(pending, lease);
        waiting.remove(pending, lease);
        assertThat(waiting.adapters()).containsExactly(adapters.get("x"));
        assertThat(waiting.take(pending)).isEmpty();
        assertThat(startAll()).containsExactly("x");
    }

    @Test
    @DisplayName("An adapter that several tenants want loads once, at the turn of the first of them")
    void shared() {
        budget(Long.MAX_VALUE, TenantWeights.EQUAL);
        List.of("a1", "a2", "s").forEach(id -> want("a", id, 10));
        want("b", "s", 10);
        assertThat(startAll()).containsExactly("a1", "s", "a2");
        assertThat(waiting.adapters()).isEmpty();
    }

    @Test
    @DisplayName("A tenant above its share, also if its load waits already, comes after another tenant's first adapter")
    void aboveShare() {
        budget(100, TenantWeights.EQUAL);
        List.of("a1", "a2", "a3", "a4").forEach(id -> hold("a", id, 25));
        want("a", "a5", 25);
        want("a", "a6", 5);
        assertThat(startAll()).isEmpty();
        want("b", "b1", 60);
        free("a1");
        assertThat(startAll()).as("a6 would fit").isEmpty();
        free("a2");
        free("a3");
        assertThat(startAll()).containsExactly("b1", "a6");
        free("a4");
        assertThat(startAll()).as("the whole rest, while nobody else waits").containsExactly("a5");
    }

    @Test
    @DisplayName("Shares go by the weights of the tenants that have or want adapters")
    void weights() {
        TenantWeights threeToOne = new TenantWeights(
                List.of(List.of(
                        new WeightedTopic(3, Map.of("a", 1)),
                        new WeightedTopic(1, Map.of("b", 1)),
                        new WeightedTopic(9, Map.of("c", 1)))),
                0);
        budget(100, threeToOne);
        hold("a", "a1", 50);
        hold("b", "b1", 40);
        want("a", "a2", 25);
        want("b", "b2", 5);
        assertThat(startAll()).as("a waits within its share, b above").isEmpty();
        assertThat(mayHold("b", "b3", 1)).isFalse();
        free("a1");
        assertThat(startAll()).containsExactly("a2", "b2");
    }

    @Test
    @DisplayName("If all that wait are above their shares, they take turns, and none waits for another")
    void allAboveShare() {
        budget(100, TenantWeights.EQUAL);
        hold("a", "a1", 40);
        hold("b", "b1", 40);
        want("a", "a2", 15);
        want("b", "b2", 15);
        assertThat(start()).contains("a2");
        free("a1");
        assertThat(start()).contains("b2");
    }

    @Test
    @DisplayName("An adapter is charged in equal parts to its tenants, and to each once, however many leases it has")
    void equalParts() {
        budget(100, TenantWeights.EQUAL);
        hold("a", "s", 60);
        assertThat(cache.charges()).isEqualTo(Map.of("a", 60.0));
        cache.charge("s", "b");
        cache.charge("s", "b");
        assertThat(cache.charges()).isEqualTo(Map.of("a", 30.0, "b", 30.0));
        want("c", "c1", 50);
        assertThat(mayHold("a", "other", 4)).as("34 of 33.3").isFalse();
        assertThat(mayHold("a", "other", 3)).isTrue();
        assertThat(mayHold("a", "s", 60)).as("held already").isTrue();
        assertThat(mayHold("d", "other", 90)).as("the first adapter").isTrue();
        cache.charge("s", "d");
        assertThat(mayHold("a", "other", 5)).as("25 of 25").isTrue();
        assertThat(mayHold("a", "other", 6)).isFalse();
    }

    @Test
    @DisplayName("A lease above the share of its tenant is granted when nobody else waits for a load any more")
    void grantable() {
        budget(100, TenantWeights.EQUAL);
        hold("a", "a1", 60);
        hold("b", "b1", 20);
        want("a", "b1", 20);
        want("c", "c1", 40);
        assertThat(waiting.grantable()).isEmpty();
        assertThat(startAll()).isEmpty();
        free("a1");
        hold("a", "a2", 60);
        assertThat(waiting.grantable()).isEmpty();
        waiting.take(adapters.get("c1"));
        assertThat(waiting.grantable()).contains(new Pending("a", adapters.get("b1")));
    }

    private void budget(long budget, TenantWeights weights) {
        cache = new AdapterCache(budget, () -> {});
        waiting = new WaitingLoads(weights, cache, bytes::get);
    }

    private RegisteredAdapter adapter(String id, long size) {
        RegisteredAdapter adapter = adapters.computeIfAbsent(id, name -> {
            RegisteredAdapter added =
                    new RegisteredAdapter(name, name, Optional.empty(), AdapterLocation.in(Path.of(name)), false);
            added.located(Path.of(name), size);
            return added;
        });
        bytes.put(adapter, size);
        return adapter;
    }

    /** A load of a tenant that has started. */
    private void hold(String tenant, String id, long size) {
        adapter(id, size);
        assertThat(cache.reserve(id, size)).isTrue();
        cache.charge(id, tenant);
    }

    private void free(String id) {
        cache.cancelReservation(id);
    }

    private void want(String tenant, String id, long size) {
        waiting.add(new Pending(tenant, adapter(id, size)), new CompletableFuture<>());
    }

    private boolean mayHold(String tenant, String id, long size) {
        return waiting.mayHold(new Pending(tenant, adapter(id, size)));
    }

    private Optional<String> start() {
        Optional<Pending> started = waiting.start();
        started.ifPresent(this::charge);
        for (Optional<Pending> more = waiting.grantable(); started.isPresent() && more.isPresent(); ) {
            charge(more.get());
            more = waiting.grantable();
        }
        return started.map(pending -> pending.adapter().id());
    }

    private void charge(Pending pending) {
        assertThat(waiting.take(pending)).isNotEmpty();
        cache.charge(pending.adapter().id(), pending.tenant());
    }

    private List<String> startAll() {
        List<String> started = new ArrayList<>();
        for (Optional<String> next = start(); next.isPresent(); next = start()) {
            started.add(next.get());
        }
        return started;
    }
}
