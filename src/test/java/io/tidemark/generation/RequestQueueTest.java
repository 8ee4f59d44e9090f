package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the queue of requests")
class RequestQueueTest {

    private static final int INSTANCES = 3;

    private static FixtureModel fixture;
    private static LoraWeights first;
    private static LoraWeights second;

    private final List<Integer> woken = new ArrayList<>();
    private final RequestQueue queue =
            new RequestQueue(new EngineLimits(12, 64, 1L << 30, 1L << 20), INSTANCES, woken::add);

    @BeforeAll
    static void load() {
        fixture = FixtureModel.load("llama-gqa");
        first = fixture.adapter("all");
        second = fixture.adapter("qv");
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    @DisplayName("gives requests to the emptiest instance, of equally empty ones to the first, and wakes only that one")
    void balances() {
        assertThat(IntStream.range(0, 6)
                        .map(i -> place(Ask.about("a", List.of(1))))
                        .boxed())
                .containsExactly(0, 1, 2, 0, 1, 2);
        assertThat(woken).containsExactly(0, 1, 2, 0, 1, 2);
        queue.rowEnded(1, Optional.empty());
        assertThat(place(Ask.about("a", List.of(1)))).isEqualTo(1);
    }

    @Test
    @DisplayName("prefers an instance that runs the adapter while it has at most a quarter more rows than the emptiest")
    void prefersTheAdapter() {
        assertThat(place(Ask.about("a", List.of(1)).with(first, 6))).isZero();
        assertThat(place(Ask.about("a", List.of(1)).with(first, 6)))
                .as("two are faster apart")
                .isEqualTo(1);
        assertThat(place(Ask.about("b", List.of(1)).with(second, 6))).isEqualTo(2);
        assertThat(place(Ask.about("b", List.of(1)).with(second, 6))).isEqualTo(2);
        queue.rowEnded(2, Optional.of(second));
        assertThat(place(Ask.about("b", List.of(1)).with(second, 6))).isEqualTo(2);
    }

    @Test
    @DisplayName("prefers an instance that ran a prompt with the same beginning, adapter and boundary")
    void prefersThePrefix() {
        List<Integer> prompt = IntStream.range(0, 70).boxed().toList();
        place(Ask.about("a", List.of(1)));
        assertThat(place(Ask.about("long", prompt))).isEqualTo(1);
        queue.rowEnded(0, Optional.empty());
        queue.rowEnded(1, Optional.empty());
        assertThat(place(Ask.about("other adapter", prompt).with(first, 6))).isZero();
        queue.rowEnded(0, Optional.of(first));
        assertThat(place(Ask.about("same", prompt))).isEqualTo(1);
    }

    @Test
    @DisplayName("lets none overtake one that finds no slot, or no memory in any instance, and says how much it lacks")
    void keepsTheOrder() {
        IntStream.range(0, 10).forEach(i -> place(Ask.about("a", List.of(1))));
        add(Ask.about("wide", List.of(1)).choices(3));
        add(Ask.about("small", List.of(1)));
        assertThat(IntStream.range(0, INSTANCES).mapToObj(queue::offer)).allMatch(Optional::isEmpty);
        queue.rowEnded(1, Optional.empty());
        assertThat(queue.offer(1).orElseThrow().request().id()).isEqualTo("wide");
        queue.refuse(1, 77);
        assertThat(queue.neededBytes()).isEqualTo(77);
        for (int other : List.of(2, 0)) {
            assertThat(queue.offer(other).orElseThrow().request().id()).isEqualTo("wide");
            queue.refuse(other, 77);
        }
        assertThat(IntStream.range(0, INSTANCES).mapToObj(queue::offer)).allMatch(Optional::isEmpty);
        queue.memoryFreed();
        assertThat(queue.offer(1).orElseThrow().request().id()).isEqualTo("wide");
        assertThat(queue.offer(2)).as("while one is offered").isEmpty();
        queue.accept(1);
        assertThat(queue.rows()).isEqualTo(12);
        assertThat(queue.neededBytes()).isZero();
        queue.rowEnded(0, Optional.empty());
        assertThat(queue.offer(0).orElseThrow().request().id()).isEqualTo("small");
    }

    @Test
    @DisplayName(
            "avoids an instance with background work, and gives that work to the emptiest, of equally empty ones to the last")
    void background() {
        assertThat(queue.startBackground()).isEqualTo(2);
        assertThat(queue.isAlone(0)).isFalse();
        assertThat(queue.startBackground()).isEqualTo(1);
        queue.backgroundEnded(1);
        assertThat(IntStream.range(0, 5)
                        .map(i -> place(Ask.about("a", List.of(1))))
                        .boxed())
                .containsExactly(0, 1, 0, 1, 2);
        queue.backgroundEnded(2);
    }

    @Test
    @DisplayName("takes cancelled requests out, marks one that is just offered, and takes no more once it is closed")
    void cancels() {
        add(Ask.about("offered", List.of(1)));
        add(Ask.about("waiting", List.of(1)));
        RunningRequest offered = queue.offer(0).orElseThrow();
        assertThat(queue.cancel(request -> true, FinishReason.CANCELLED))
                .extracting(request -> request.request().id())
                .containsExactly("waiting");
        assertThat(offered.cancelled()).contains(FinishReason.CANCELLED);
        queue.drop();
        assertThat(queue.size()).isZero();
        assertThat(queue.close()).isEmpty();
        assertThatIllegalStateException().isThrownBy(() -> add(Ask.about("late", List.of(1))));
    }

    @Test
    @DisplayName("wakes another instance when background work begins in the one that was to run the oldest request")
    void backgroundTakesTheInstance() {
        List<Integer> prompt = IntStream.range(0, 70).boxed().toList();
        place(Ask.about("a", List.of(1)));
        place(Ask.about("a", List.of(1)));
        assertThat(place(Ask.about("long", prompt))).isEqualTo(2);
        IntStream.range(0, INSTANCES).forEach(i -> queue.rowEnded(i, Optional.empty()));
        woken.clear();
        add(Ask.about("same", prompt));
        assertThat(woken).containsExactly(2);
        assertThat(queue.startBackground()).isEqualTo(2);
        assertThat(woken).containsExactly(2, 0);
        assertThat(queue.offer(0)).isPresent();
    }

    @Test
    @DisplayName("offers again what a dead instance was offered, and hands it over when it closes")
    void withdraws() {
        add(Ask.about("offered", List.of(1)));
        assertThat(queue.offer(0)).isPresent();
        assertThat(queue.close()).isEmpty();
        queue.withdraw(0);
        assertThat(queue.close()).hasSize(1);
    }

    private void add(Ask ask) {
        queue.add(new RunningRequest(ask.request(), Recording.plain(), 0));
    }

    /** The instance that a request runs in. */
    private int place(Ask ask) {
        add(ask);
        for (int instance = 0; instance < INSTANCES; instance++) {
            if (queue.offer(instance).isPresent()) {
                queue.accept(instance);
                return instance;
            }
        }
        throw new AssertionError("no instance takes it");
    }
}
