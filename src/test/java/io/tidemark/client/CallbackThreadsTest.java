package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.tidemark.fixture.SampleResults;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.TopicJson;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Callbacks that wait for other requests")
class CallbackThreadsTest {

    private static final int THREADS = 8;
    private static final Limits LIMITS = Limits.DEFAULT.withTime(Duration.ofSeconds(10));

    private final AtomicLong now = new AtomicLong();
    private final OpenRequests open = new OpenRequests(LIMITS, now::get);
    private final CallbackThreads threads = new CallbackThreads(Duration.ofMillis(20));
    private final AtomicInteger waiting = new AtomicInteger();
    private final Queue<Object> ends = new ConcurrentLinkedQueue<>();

    @AfterEach
    void end() {
        threads.shutdown();
    }

    @Test
    @DisplayName("End when the other request reaches the limit of time, although they have all threads")
    void timeLimit() throws Exception {
        OpenRequest other = sent("other", 100);
        now.addAndGet(Duration.ofSeconds(5).toNanos());
        allWaitFor(other);
        now.addAndGet(Duration.ofSeconds(6).toNanos());
        open.expire();
        await().until(() -> ends.size() == THREADS);
        assertThat(ends).allMatch(ClientException.TimedOut.class::isInstance);
    }

    @Test
    @DisplayName("End when the client is closed, although they have all threads")
    void close() throws Exception {
        OpenRequest other = sent("other", 100);
        allWaitFor(other);
        open.close(Duration.ZERO);
        threads.shutdown();
        await().until(() -> ends.size() == THREADS);
        assertThat(ends).allMatch(ClientException.Closed.class::isInstance);
    }

    @Test
    @DisplayName("End with the result of the other request, also if more of them wait than there are threads")
    void result() throws Exception {
        OpenRequest other = sent("other", 100);
        allWaitFor(other);
        OpenRequest second = sent("second", 101);
        for (int i = 0; i < THREADS; i++) {
            answer(waiter("late-" + i, 200 + i, second), 200 + i);
        }
        answer(second, 101);
        await().until(() -> ends.size() == THREADS);
        assertThat(ends).allMatch("text"::equals);
        answer(other, 100);
        await().until(() -> ends.size() == 2 * THREADS);
    }

    @Test
    @DisplayName("Have no more than eight threads while these go on")
    void eightThreads() {
        CallbackThreads patient = new CallbackThreads(Duration.ofDays(1));
        assertThat(threadsOf(500, patient)).hasSizeLessThanOrEqualTo(THREADS);
        patient.shutdown();
    }

    @Test
    @DisplayName("Have no more than eight threads again when none waits")
    void eightThreadsAgain() throws Exception {
        OpenRequest other = sent("other", 100);
        allWaitFor(other);
        answer(other, 100);
        await().until(() -> ends.size() == THREADS);
        await().until(() -> threadsOf(100, threads).size() <= THREADS);
    }

    private static Set<Thread> threadsOf(int callbacks, CallbackThreads threads) {
        Set<Thread> used = ConcurrentHashMap.newKeySet();
        CountDownLatch left = new CountDownLatch(callbacks);
        for (int i = 0; i < callbacks; i++) {
            threads.execute(() -> {
                used.add(Thread.currentThread());
                left.countDown();
            });
        }
        await().until(() -> left.getCount() == 0);
        return used;
    }

    /** Gives each thread a callback that waits for the result of a request. */
    private void allWaitFor(OpenRequest other) throws InterruptedException {
        List<OpenRequest> waiters = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            waiters.add(waiter("waiter-" + i, i, other));
        }
        for (int i = 0; i < THREADS; i++) {
            answer(waiters.get(i), i);
        }
        await().until(() -> waiting.get() == THREADS);
    }

    private OpenRequest waiter(String id, long offset, OpenRequest other) throws InterruptedException {
        OpenRequest request = sent(id, offset);
        request.result().thenRun(() -> {
            waiting.incrementAndGet();
            ends.add(joined(other));
        });
        return request;
    }

    private static Object joined(OpenRequest request) {
        try {
            return request.result().toCompletableFuture().join().text();
        } catch (CompletionException e) {
            return e.getCause();
        }
    }

    private OpenRequest sent(String id, long offset) throws InterruptedException {
        OpenRequest request = new OpenRequest(
                id,
                OpenRequestsTest.correlation(id),
                true,
                threads,
                new AtomicLong(1000),
                each -> CompletableFuture.completedFuture(null));
        assertThat(open.add(request, true, 1, Duration.ZERO)).isEqualTo(Optional.empty());
        open.acknowledge(request, source(offset));
        return request;
    }

    private void answer(OpenRequest request, long offset) {
        open.onResult(OpenRequestsTest.record(
                request.correlation(),
                request.id(),
                TopicJson.write(SampleResults.completion(request.id(), "m", "text", source(offset)))));
    }

    private static Source source(long offset) {
        return new Source("generation-requests", 0, offset);
    }
}
