package io.tidemark.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Turns of tenants")
class TenantTurnsTest {

    /** Tasks for the threads; the test runs them. */
    private final Deque<Runnable> threads = new ArrayDeque<>();

    private final List<String> ran = new ArrayList<>();
    private TenantTurns turns = new TenantTurns(threads::add, 2, TenantWeights.EQUAL);

    @Test
    @DisplayName("Take one task of each tenant in turn, in the order of the tenant")
    void inTurn() {
        turns = new TenantTurns(threads::add, 1, TenantWeights.EQUAL);
        add("a", "a1", "a2", "a3");
        add("b", "b1", "b2");
        add("c", "c1");
        runAll();
        assertThat(ran).containsExactly("a1", "b1", "c1", "a2", "b2", "a3");
        add("a", "a4");
        runAll();
        assertThat(ran).endsWith("a4");
    }

    @Test
    @DisplayName("Leave the other threads to other tenants while a task runs")
    void oneOfATenant() {
        turns.execute("a", 0, 1, () -> {
            ran.add("a1 begins");
            // another thread is free
            runAll();
            ran.add("a1 ends");
        });
        add("a", "a2");
        add("b", "b1");
        runAll();
        assertThat(ran).containsExactly("a1 begins", "b1", "a1 ends", "a2");
    }

    @Test
    @DisplayName("Run a task of a new tenant next, although two others with many tasks use both threads")
    void newTenant() {
        IntStream.range(0, 50).forEach(i -> {
            add("a", "a" + i);
            add("b", "b" + i);
        });
        add("c", "c0", "c1");
        Runnable first = threads.remove();
        Runnable second = threads.remove();
        assertThat(threads).isEmpty();
        first.run();
        threads.remove().run();
        assertThat(ran).containsExactly("a0", "c0");
        second.run();
        runAll();
        assertThat(ran.subList(3, 9)).contains("a1", "b1", "c1");
        assertThat(ran).hasSize(102);
    }

    @Test
    @DisplayName("Run the tasks of a tenant by priority, and those that come first before all others")
    void priority() {
        add("b", "b0");
        add("a", "a0");
        turns.execute("a", 5, 1, () -> ran.add("late"));
        turns.execute("a", -5, 1, () -> ran.add("early"));
        turns.execute("a", -5, 1, () -> ran.add("early, too"));
        turns.executeFirst("a", 1, () -> ran.add("first"));
        runAll();
        assertThat(ran).containsExactly("b0", "a0", "first", "early", "early, too", "late");
    }

    @Test
    @DisplayName("Give a tenant with cheap tasks more of them than one with expensive tasks")
    void byCost() {
        turns = new TenantTurns(threads::add, 1, TenantWeights.EQUAL);
        for (int i = 0; i < 100; i++) {
            turns.execute("large", 0, 1000, () -> ran.add("large"));
            add("small", "small");
        }
        for (int i = 0; i < 60; i++) {
            threads.remove().run();
        }
        assertThat(ran.stream().filter("large"::equals)).hasSizeBetween(1, 2);
    }

    @Test
    @DisplayName("Prefer a higher rank, and give the lower one its share")
    void ranks() {
        TenantWeights weights = new TenantWeights(
                List.of(
                        List.of(new TenantWeights.WeightedTopic(1, Map.of("high", 1))),
                        List.of(new TenantWeights.WeightedTopic(1, Map.of("low", 1)))),
                0.1);
        turns = new TenantTurns(threads::add, 1, weights);
        IntStream.range(0, 100).forEach(i -> {
            add("low", "low");
            add("high", "high");
        });
        for (int i = 0; i < 50; i++) {
            threads.remove().run();
        }
        // the first task found no other one
        assertThat(ran.stream().filter("low"::equals)).hasSizeBetween(5, 6);
    }

    @Test
    @DisplayName("Go on after a task that fails")
    void failure() {
        turns.execute("a", 0, 1, () -> {
            throw new IllegalStateException("a fault");
        });
        add("a", "a2");
        assertThatThrownBy(this::runAll).hasMessage("a fault");
        runAll();
        assertThat(ran).containsExactly("a2");
    }

    @Test
    @DisplayName("Are not touched by the end of the threads")
    void threadsHaveEnded() {
        TenantTurns ended = new TenantTurns(
                task -> {
                    throw new RejectedExecutionException("shut down");
                },
                2,
                TenantWeights.EQUAL);
        assertThatCode(() -> ended.executeFirst("a", 1, () -> {})).doesNotThrowAnyException();
    }

    @Test
    @DisplayName("Divide a resource by the weights of topics and of their tenants, among those that use it")
    void shares() {
        TenantWeights weights = new TenantWeights(
                List.of(List.of(
                        new TenantWeights.WeightedTopic(3, Map.of("own", 1)),
                        new TenantWeights.WeightedTopic(1, Map.of("shared", 1, "shared/red", 2)))),
                0);
        assertThat(weights.share("own", Set.of())).isEqualTo(1);
        assertThat(weights.share("own", Set.of("shared", "shared/red"))).isEqualTo(0.75);
        assertThat(weights.share("shared/red", Set.of("own"))).isEqualTo(0.25);
        assertThat(weights.share("shared/red", Set.of("own", "shared"))).isEqualTo(1.0 / 6);
        assertThat(weights.share("other", Set.of("own"))).isEqualTo(0.25);
    }

    private void add(String tenant, String... tasks) {
        for (String task : tasks) {
            turns.execute(tenant, 0, 1, () -> ran.add(task));
        }
    }

    private void runAll() {
        while (!threads.isEmpty()) {
            threads.remove().run();
        }
    }
}
