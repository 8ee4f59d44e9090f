package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Turns of tenants")
class TenantTurnsTest {

    /** Tasks for the threads; the test runs them. */
    private final Deque<Runnable> threads = new ArrayDeque<>();

    private final TenantTurns turns = new TenantTurns(threads::add);
    private final List<String> ran = new ArrayList<>();

    @Test
    @DisplayName("Take one task of each tenant in turn, in the order of the tenant")
    void inTurn() {
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
        turns.execute("a", () -> {
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
        Runnable first = threads.remove();
        Runnable second = threads.remove();
        add("c", "c0", "c1");
        first.run();
        threads.remove().run();
        assertThat(ran).containsExactly("a0", "c0");
        second.run();
        runAll();
        assertThat(ran)
                .startsWith("a0", "c0", "b0", "a1", "c1", "b1", "a2", "b2")
                .hasSize(102);
    }

    @Test
    @DisplayName("Go on after a task that fails")
    void failure() {
        turns.execute("a", () -> {
            throw new IllegalStateException("a fault");
        });
        add("a", "a2");
        assertThatThrownBy(this::runAll).hasMessage("a fault");
        runAll();
        assertThat(ran).containsExactly("a2");
    }

    private void add(String tenant, String... tasks) {
        for (String task : tasks) {
            turns.execute(tenant, () -> ran.add(task));
        }
    }

    private void runAll() {
        while (!threads.isEmpty()) {
            threads.remove().run();
        }
    }
}
