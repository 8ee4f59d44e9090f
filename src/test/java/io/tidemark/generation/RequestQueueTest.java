package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Request queue")
class RequestQueueTest {

    private final AtomicInteger wakes = new AtomicInteger();
    private final RequestQueue queue =
            new RequestQueue(new EngineLimits(12, 64, 1L << 30, 1L << 20), wakes::incrementAndGet);

    @Test
    @DisplayName("The engine is woken when a request can start, and not when it has to wait")
    void wakes() {
        add(TestRequest.of("a", List.of(1)));
        assertThat(wakes).hasValue(1);
        start();
        add(TestRequest.of("wide", List.of(1)).choices(12));
        assertThat(wakes).as("11 sequences are free").hasValue(1);
        queue.sequenceEnded();
        assertThat(wakes).hasValue(2);
    }

    @Test
    @DisplayName("No request overtakes one that waits for a sequence or memory")
    void keepsTheOrder() {
        startTen();
        add(TestRequest.of("wide", List.of(1)).choices(3));
        add(TestRequest.of("small", List.of(1)));
        assertThat(queue.offer()).isEmpty();
        assertThat(queue.isSaturated()).isTrue();
        queue.sequenceEnded();
        assertThat(queue.isSaturated()).as("the next request fits").isFalse();
        assertThat(offered()).isEqualTo("wide");
        queue.refuse();
        assertThat(queue.offer()).isEmpty();
        assertThat(queue.isSaturated()).isTrue();
        queue.sequenceEnded();
        assertThat(offered()).isEqualTo("wide");
        assertThat(queue.offer()).as("while a request is offered").isEmpty();
        queue.accept();
        assertThat(queue.runningSequences()).isEqualTo(11);
        assertThat(offered()).isEqualTo("small");
    }

    @Test
    @DisplayName("An offered or refused request stays next, until memory is freed, although a more urgent one arrives")
    void keepsTheSelection() {
        startTen();
        add(TestRequest.of("large", List.of(1)));
        assertThat(offered()).isEqualTo("large");
        add(TestRequest.of("urgent", List.of(1)).priority(-1));
        queue.refuse();
        assertThat(queue.offer()).isEmpty();
        queue.sequenceEnded();
        assertThat(offered()).isEqualTo("urgent");
        queue.accept();
        assertThat(offered()).isEqualTo("large");
    }

    @Test
    @DisplayName("A more urgent request takes the place of one that was not offered")
    void replacesTheNext() {
        startTen();
        add(TestRequest.of("other", List.of(1)).choices(2));
        start();
        add(TestRequest.of("earlier", List.of(1)));
        add(TestRequest.of("urgent", List.of(1)).priority(-1).choices(2));
        queue.sequenceEnded();
        assertThat(queue.offer())
                .as("the urgent request has two sequences, and one is free")
                .isEmpty();
        queue.sequenceEnded();
        assertThat(offered()).isEqualTo("urgent");
    }

    @Test
    @DisplayName("A large request of low priority starts with the eighth start, although small urgent ones would fit")
    void doesNotStarveALargeRequest() {
        add(TestRequest.of("large", List.of(1)).priority(9));
        for (int i = 0; i < 7; i++) {
            add(TestRequest.of("urgent", List.of(1)));
            assertThat(offered()).isEqualTo("urgent");
            queue.accept();
        }
        for (int i = 0; i < 5; i++) {
            add(TestRequest.of("urgent", List.of(1)));
            assertThat(offered()).isEqualTo("large");
            queue.refuse();
            queue.sequenceEnded();
        }
        assertThat(offered()).isEqualTo("large");
        queue.accept();
        assertThat(offered()).isEqualTo("urgent");
    }

    @Test
    @DisplayName("When a refused request is cancelled, the next one is offered at once")
    void cancelsARefusedRequest() {
        add(TestRequest.of("large", List.of(1)));
        add(TestRequest.of("small", List.of(1)));
        assertThat(offered()).isEqualTo("large");
        queue.refuse();
        int before = wakes.get();
        assertThat(queue.cancel(request -> request.request().id().equals("large"), FinishReason.CANCELLED))
                .hasSize(1);
        assertThat(wakes).hasValue(before + 1);
        assertThat(offered()).isEqualTo("small");
    }

    @Test
    @DisplayName("Cancelled requests are removed, an offered one is marked, and a closed queue rejects requests")
    void cancels() {
        add(TestRequest.of("offered", List.of(1)));
        add(TestRequest.of("waiting", List.of(1)));
        SubmittedRequest offered = queue.offer().orElseThrow();
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
    @DisplayName("A request that is offered when the engine ends is returned at the end")
    void closesAtTheEnd() {
        add(TestRequest.of("offered", List.of(1)));
        assertThat(queue.offer()).isPresent();
        assertThat(queue.close()).isEmpty();
        assertThat(queue.closeAtEnd()).hasSize(1);
    }

    private void add(TestRequest request) {
        queue.add(new SubmittedRequest(request.request(), RecordingListener.plain(), 0));
    }

    private String offered() {
        return queue.offer().orElseThrow().request().id();
    }

    private void start() {
        assertThat(queue.offer()).isPresent();
        queue.accept();
    }

    private void startTen() {
        IntStream.range(0, 10).forEach(i -> {
            add(TestRequest.of("running", List.of(1)));
            start();
        });
    }
}
