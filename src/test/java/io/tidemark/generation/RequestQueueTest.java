package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Request queue")
class RequestQueueTest {

    private static final int INSTANCES = 3;

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    private final LoraWeights first = MODEL.adapter("all");
    private final LoraWeights second = MODEL.adapter("qv");

    private final List<Integer> woken = new ArrayList<>();
    private final RequestQueue queue =
            new RequestQueue(new EngineLimits(12, 64, 1L << 30, 1L << 20), INSTANCES, woken::add);

    @Test
    @DisplayName("A request goes to the first instance with the lowest load, and only that one is woken")
    void balances() {
        assertThat(IntStream.range(0, 6)
                        .map(i -> place(TestRequest.of("a", List.of(1))))
                        .boxed())
                .containsExactly(0, 1, 2, 0, 1, 2);
        assertThat(woken).containsExactly(0, 1, 2, 0, 1, 2);
        queue.sequenceEnded(1, Optional.empty());
        assertThat(place(TestRequest.of("a", List.of(1)))).isEqualTo(1);
    }

    @Test
    @DisplayName("An instance that runs the adapter is preferred if its load is at most a quarter above the lowest")
    void prefersTheAdapter() {
        assertThat(place(TestRequest.of("a", List.of(1)).with(first, 6))).isZero();
        assertThat(place(TestRequest.of("a", List.of(1)).with(first, 6)))
                .as("two requests run faster in two instances")
                .isEqualTo(1);
        assertThat(place(TestRequest.of("b", List.of(1)).with(second, 6))).isEqualTo(2);
        assertThat(place(TestRequest.of("b", List.of(1)).with(second, 6))).isEqualTo(2);
        queue.sequenceEnded(2, Optional.of(second));
        assertThat(place(TestRequest.of("b", List.of(1)).with(second, 6))).isEqualTo(2);
    }

    @Test
    @DisplayName("An instance that ran a prompt with the same prefix, adapter and boundary is preferred")
    void prefersThePrefix() {
        List<Integer> prompt = IntStream.range(0, 70).boxed().toList();
        place(TestRequest.of("a", List.of(1)));
        assertThat(place(TestRequest.of("long", prompt))).isEqualTo(1);
        queue.sequenceEnded(0, Optional.empty());
        queue.sequenceEnded(1, Optional.empty());
        assertThat(place(TestRequest.of("other adapter", prompt).with(first, 6)))
                .isZero();
        queue.sequenceEnded(0, Optional.of(first));
        assertThat(place(TestRequest.of("same", prompt))).isEqualTo(1);
    }

    @Test
    @DisplayName("No request overtakes one that waits for a sequence or memory, and the queue has the missing bytes")
    void keepsTheOrder() {
        IntStream.range(0, 10).forEach(i -> place(TestRequest.of("a", List.of(1))));
        add(TestRequest.of("wide", List.of(1)).choices(3));
        add(TestRequest.of("small", List.of(1)));
        assertThat(IntStream.range(0, INSTANCES).mapToObj(queue::offer)).allMatch(Optional::isEmpty);
        assertThat(queue.isSaturated()).isTrue();
        queue.sequenceEnded(1, Optional.empty());
        assertThat(queue.isSaturated()).as("the next request fits").isFalse();
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
        assertThat(queue.offer(2)).as("while a request is offered").isEmpty();
        queue.accept(1);
        assertThat(queue.runningSequences()).isEqualTo(12);
        assertThat(queue.neededBytes()).isZero();
        queue.sequenceEnded(0, Optional.empty());
        assertThat(queue.offer(0).orElseThrow().request().id()).isEqualTo("small");
    }

    @Test
    @DisplayName("Each choice of a queued request is a sequence that can start")
    void startableChoices() {
        assertThat(queue.startable()).as("without a request").isZero();
        add(TestRequest.of("wide", List.of(1)).choices(3));
        add(TestRequest.of("small", List.of(1)));
        add(TestRequest.of("wide", List.of(1)).choices(2));
        assertThat(queue.startable()).isEqualTo(6);
    }

    @Test
    @DisplayName("No more sequences can start than are free, and none while the next request does not fit")
    void startableIsCapped() {
        IntStream.range(0, 9).forEach(i -> place(TestRequest.of("a", List.of(1))));
        add(TestRequest.of("wide", List.of(1)).choices(2));
        add(TestRequest.of("wide", List.of(1)).choices(2));
        assertThat(queue.startable()).as("of 4 sequences, 3 are free").isEqualTo(3);
        add(TestRequest.of("urgent", List.of(1)).priority(-1).choices(4));
        assertThat(queue.startable()).as("the next request has 4 sequences").isZero();
    }

    @Test
    @DisplayName("An offered or refused request stays next, until memory is freed, although a more urgent one arrives")
    void keepsTheSelection() {
        add(TestRequest.of("large", List.of(1)));
        assertThat(queue.offer(0)).isPresent();
        add(TestRequest.of("urgent", List.of(1)).priority(-1));
        queue.refuse(0, 77);
        assertThat(offered(1)).isEqualTo("large");
        queue.refuse(1, 77);
        assertThat(offered(2)).isEqualTo("large");
        queue.memoryFreed();
        queue.refuse(2, 77);
        assertThat(offered(0)).as("memory was freed during the offer").isEqualTo("large");
        queue.refuse(0, 77);
        queue.memoryFreed();
        assertThat(queue.neededBytes()).isZero();
        assertThat(offered(0)).isEqualTo("urgent");
        queue.accept(0);
        assertThat(offered(1)).isEqualTo("large");
    }

    @Test
    @DisplayName("A more urgent request takes the place of one that was not offered")
    void replacesTheNext() {
        IntStream.range(0, 12).forEach(i -> place(TestRequest.of("a", List.of(1))));
        add(TestRequest.of("earlier", List.of(1)));
        add(TestRequest.of("urgent", List.of(1)).priority(-1).choices(2));
        queue.sequenceEnded(0, Optional.empty());
        assertThat(IntStream.range(0, INSTANCES).mapToObj(queue::offer))
                .as("the urgent request has two sequences, and one is free")
                .allMatch(Optional::isEmpty);
        queue.sequenceEnded(0, Optional.empty());
        assertThat(offered(0)).isEqualTo("urgent");
    }

    @Test
    @DisplayName("A large request of low priority starts with the eighth start, although small urgent ones would fit")
    void doesNotStarveALargeRequest() {
        add(TestRequest.of("large", List.of(1)).priority(9));
        for (int i = 0; i < 7; i++) {
            assertThat(place(TestRequest.of("urgent", List.of(1)))).isBetween(0, 2);
        }
        for (int i = 0; i < 5; i++) {
            add(TestRequest.of("urgent", List.of(1)));
            for (int instance : List.of(1, 2, 0)) {
                assertThat(offered(instance)).isEqualTo("large");
                queue.refuse(instance, 77);
            }
            queue.memoryFreed();
        }
        assertThat(offered(1)).isEqualTo("large");
        queue.accept(1);
        assertThat(offered(2)).isEqualTo("urgent");
    }

    @Test
    @DisplayName("When a refused request is cancelled, the next one is offered at once")
    void cancelsARefusedRequest() {
        add(TestRequest.of("large", List.of(1)));
        add(TestRequest.of("small", List.of(1)));
        for (int instance : List.of(0, 1, 2)) {
            assertThat(offered(instance)).isEqualTo("large");
            queue.refuse(instance, 77);
        }
        woken.clear();
        assertThat(queue.cancel(request -> request.request().id().equals("large"), FinishReason.CANCELLED))
                .hasSize(1);
        assertThat(queue.neededBytes()).isZero();
        assertThat(woken).containsExactly(0);
        assertThat(offered(0)).isEqualTo("small");
    }

    @Test
    @DisplayName("A background task goes to the last instance with the lowest load, which then gets fewer requests")
    void background() {
        assertThat(queue.startBackground()).isEqualTo(2);
        assertThat(queue.startBackground()).isEqualTo(1);
        queue.backgroundEnded(1);
        assertThat(IntStream.range(0, 5)
                        .map(i -> place(TestRequest.of("a", List.of(1))))
                        .boxed())
                .containsExactly(0, 1, 0, 1, 2);
        queue.backgroundEnded(2);
    }

    @Test
    @DisplayName("Cancelled requests are removed, an offered one is marked, and a closed queue rejects requests")
    void cancels() {
        add(TestRequest.of("offered", List.of(1)));
        add(TestRequest.of("waiting", List.of(1)));
        SubmittedRequest offered = queue.offer(0).orElseThrow();
        assertThat(queue.cancel(request -> true, FinishReason.CANCELLED))
                .extracting(request -> request.request().id())
                .containsExactly("waiting");
        assertThat(offered.cancelled()).contains(FinishReason.CANCELLED);
        queue.drop();
        assertThat(queue.size()).isZero();
        assertThat(queue.close()).isEmpty();
        assertThatIllegalStateException().isThrownBy(() -> add(TestRequest.of("late", List.of(1))));
    }

    @Test
    @DisplayName("Another instance is woken if a background task starts in the one chosen for the oldest request")
    void backgroundTakesTheInstance() {
        List<Integer> prompt = IntStream.range(0, 70).boxed().toList();
        place(TestRequest.of("a", List.of(1)));
        place(TestRequest.of("a", List.of(1)));
        assertThat(place(TestRequest.of("long", prompt))).isEqualTo(2);
        IntStream.range(0, INSTANCES).forEach(i -> queue.sequenceEnded(i, Optional.empty()));
        woken.clear();
        add(TestRequest.of("same", prompt));
        assertThat(woken).containsExactly(2);
        assertThat(queue.startBackground()).isEqualTo(2);
        assertThat(woken).containsExactly(2, 0);
        assertThat(queue.offer(0)).isPresent();
    }

    @Test
    @DisplayName("The offer to a failed instance is withdrawn, and closing the queue returns the request")
    void withdraws() {
        add(TestRequest.of("offered", List.of(1)));
        assertThat(queue.offer(0)).isPresent();
        assertThat(queue.close()).isEmpty();
        queue.withdraw(0);
        assertThat(queue.close()).hasSize(1);
    }

    private void add(TestRequest request) {
        queue.add(new SubmittedRequest(request.request(), RecordingListener.plain(), 0));
    }

    private String offered(int instance) {
        return queue.offer(instance).orElseThrow().request().id();
    }

    /** The instance that runs a request. */
    private int place(TestRequest request) {
        add(request);
        for (int instance = 0; instance < INSTANCES; instance++) {
            if (queue.offer(instance).isPresent()) {
                queue.accept(instance);
                return instance;
            }
        }
        throw new AssertionError("no instance takes it");
    }
}
