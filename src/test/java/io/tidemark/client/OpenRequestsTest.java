package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.SampleResults;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Open requests of a client")
class OpenRequestsTest {

    private static final Limits LIMITS = new Limits(3, 100, 1000, Duration.ofSeconds(10));
    private static final Executor HERE = Runnable::run;

    private final AtomicLong now = new AtomicLong();
    private final OpenRequests open = new OpenRequests(Topics.DEFAULT, LIMITS, now::get);
    private final List<String> calls = new ArrayList<>();

    @Test
    @DisplayName("Are answered by the result that names their record, whatever its id")
    void source() throws Exception {
        OpenRequest a = sent("a", 0, 7);
        OpenRequest b = sent("b", 1, 7);
        result("a", new Source("generation-requests", 0, 6));
        result("a", new Source("other-requests", 0, 7));
        open.onResult("a", null);
        for (String other : List.of("{\"id\": \"a\", \"tidemark\": {}}", "null", "", "not JSON")) {
            open.onResult("a", other.getBytes(StandardCharsets.UTF_8));
            open.onEvent("a", other.getBytes(StandardCharsets.UTF_8));
        }
        assertThat(calls).isEmpty();
        assertThat(open.size()).isEqualTo(2);
        result("b", at(0, 7));
        assertThat(calls).containsExactly("a text of b");
        result("b", at(1, 7));
        assertThat(calls).containsExactly("a text of b", "b text of b");
        assertThat(open.size()).isZero();
    }

    @Test
    @DisplayName("Are answered by a result that is read before the producer has the acknowledgement")
    void early() throws Exception {
        OpenRequest a = added("a", true);
        OpenRequest unusable = added("7", false);
        result("a", at(2, 5));
        result("a", at(2, 6));
        result("generation-requests-3-1", at(3, 1));
        assertThat(calls).isEmpty();
        open.acknowledge(a, at(2, 6));
        open.acknowledge(unusable, at(3, 1));
        assertThat(calls).containsExactly("a text of a", "7 text of generation-requests-3-1");
        assertThat(record(a)).isEqualTo(at(2, 6));
    }

    @Test
    @DisplayName("With an id that the service cannot use are answered by the id that it derives")
    void derivedId() throws Exception {
        OpenRequest unusable = sent("", false, 1, 7);
        result("generation-requests-1-7", at(1, 7));
        assertThat(calls).containsExactly(" text of generation-requests-1-7");
        assertThat(unusable.id()).isEmpty();
    }

    @Test
    @DisplayName("That are attached are answered by the first result with their id")
    void attached() {
        OpenRequest attached = watched(new OpenRequest("a", true, HERE, new AtomicLong(), request -> done()));
        assertThat(open.attach(List.of(attached), Map.of())).isEmpty();
        result("a", at(3, 9));
        result("a", at(3, 10));
        assertThat(calls).containsExactly("a text of a");
    }

    @Test
    @DisplayName("That are attached with their record are answered by its result only")
    void attachedRecords() {
        OpenRequest first = watched(handle("a"));
        OpenRequest second = watched(handle("b"));
        assertThat(open.attach(List.of(first, second), Map.of(first, at(0, 5), second, at(1, 6))))
                .isEmpty();
        result("a", at(0, 4));
        result("b", at(0, 5));
        assertThat(calls).containsExactly("a text of b");
        result("b", at(1, 6));
        assertThat(calls).hasSize(2);
    }

    @Test
    @DisplayName("Are attached all or none: no id is taken if another one is open, repeated or above the limit")
    void allOrNone() throws Exception {
        added("open", true, 200);
        assertThatThrownBy(() -> open.attach(List.of(handle("x"), handle("open")), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'open' is open");
        assertThatThrownBy(() -> open.attach(List.of(handle("x"), handle("x")), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'x' is attached twice");
        assertThat(open.attach(List.of(handle("x"), handle("y"), handle("z")), Map.of()))
                .get()
                .isInstanceOf(ClientException.TooManyOpen.class)
                .asString()
                .contains("3 requests were not attached", "1 are open", "the limit is 3", "fewer");
        assertThat(open.size()).isEqualTo(1);
        assertThat(open.attach(List.of(handle("x"), handle("y")), Map.of()))
                .as("although a large request is being sent")
                .isEmpty();
        assertThat(open.size()).isEqualTo(3);
    }

    @Test
    @DisplayName("Keep no early result after its acknowledgement, although other requests are being sent all the time")
    void forgetsEarlyResults() throws Exception {
        added("unsent", true, 10);
        for (int i = 0; i < 40; i++) {
            OpenRequest request = added("a" + i, true);
            result("a" + i, at(0, i), "x".repeat(1 << 20));
            result("a" + i, at(0, i), "x".repeat(1 << 20));
            open.acknowledge(request, at(0, i));
        }
        assertThat(calls).hasSize(40);
        assertThat(open.holdsTooMuch()).isFalse();
    }

    @Test
    @DisplayName("Stop the reading of results while those whose callbacks have not run have more than 64 MiB")
    void boundsWaitingResults() throws Exception {
        OpenRequests many = new OpenRequests(Topics.DEFAULT, LIMITS.withOpenRequests(100), now::get);
        List<Runnable> waiting = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            assertThat(many.holdsTooMuch()).isFalse();
            OpenRequest slow = new OpenRequest("s" + i, false, waiting::add, new AtomicLong(), request -> done());
            many.add(slow, true, 1, Duration.ZERO);
            many.acknowledge(slow, at(0, i));
            many.onResult(
                    "s" + i, TopicJson.write(SampleResults.completion("s" + i, "m", "x".repeat(4 << 20), at(0, i))));
        }
        assertThat(many.holdsTooMuch()).isTrue();
        waiting.forEach(Runnable::run);
        assertThat(many.holdsTooMuch()).isFalse();
    }

    @Test
    @DisplayName("End when nobody reads results any more, and none is added later")
    void end() throws Exception {
        sent("a", 0, 1);
        open.end("nobody reads");
        assertThat(calls).singleElement().asString().contains("Failed", "nobody reads");
        assertThat(open.add(handle("b"), true, 1, Duration.ofDays(1)).orElseThrow())
                .hasMessageContaining("'b' was not sent: nobody reads");
    }

    @Test
    @DisplayName("Accept times that are longer than a clock can count")
    void forever() throws Exception {
        Duration forever = ChronoUnit.FOREVER.getDuration();
        OpenRequests endless = new OpenRequests(Topics.DEFAULT, LIMITS.withTime(forever), now::get);
        assertThat(endless.add(handle("a"), true, 1, forever)).isEmpty();
        endless.expire();
        assertThat(endless.size()).isEqualTo(1);
        open.close(forever);
    }

    @Test
    @DisplayName("Get the value of the record as it was written, with fields that the client does not know")
    void ownBytes() throws Exception {
        OpenRequest a = sent("a", 0, 7);
        String value = new String(
                TopicJson.write(SampleResults.completion("a", "m", "caf\u00e9", at(0, 7))), StandardCharsets.UTF_8);
        String newer = value.replace("\"choices\"", "\"newer\" : 1.50,\n \"choices\"");
        open.onResult("a", newer.getBytes(StandardCharsets.UTF_8));
        RequestResult result = a.result().toCompletableFuture().join();
        assertThat(result.json()).isEqualTo(newer);
        assertThat(result.text()).isEqualTo("caf\u00e9");
        assertThat(result.seconds()).isEqualTo(0.1);
        assertThat(result.tokensPerSecond()).isEqualTo(20);
        assertThat(result.error()).isEmpty();
    }

    @Test
    @DisplayName("Have at most the limits of requests and bytes; the callbacks of a result count until they have run")
    void limits() throws Exception {
        OpenRequest big = added("big", true, 80);
        assertThat(refusal("more", 30)).contains("80 bytes", "limit of 100");
        open.acknowledge(big, at(0, 1));
        added("b", true, 200);
        open.acknowledge(open("b"), at(0, 2));
        List<Runnable> waiting = new ArrayList<>();
        OpenRequest slow = new OpenRequest("slow", false, waiting::add, new AtomicLong(), request -> done());
        open.add(slow, true, 1, Duration.ZERO);
        open.acknowledge(slow, at(0, 3));
        result("slow", at(0, 3));
        assertThat(open.size()).isEqualTo(2);
        assertThat(refusal("fourth", 1)).contains("3 requests are open");
        waiting.forEach(Runnable::run);
        assertThat(open.add(handle("fourth"), true, 1, Duration.ZERO)).isEmpty();
    }

    @Test
    @DisplayName("Have different ids")
    void sameId() throws Exception {
        added("a", true);
        assertThatThrownBy(() -> added("a", true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'a' is open");
    }

    @Test
    @DisplayName("End after the limit of time, in the order in which they were sent")
    void expire() throws Exception {
        sent("a", 0, 1);
        now.addAndGet(Duration.ofSeconds(6).toNanos());
        sent("b", 0, 2);
        open.expire();
        assertThat(calls).isEmpty();
        now.addAndGet(Duration.ofSeconds(5).toNanos());
        open.expire();
        assertThat(calls).singleElement().asString().contains("TimedOut", "'a'", "10 s", "attach");
        result("a", at(0, 1));
        assertThat(calls).hasSize(1);
        assertThat(open.size()).isEqualTo(1);
    }

    @Test
    @DisplayName("End after the limit of time if the broker acknowledges nothing, and give their bytes back")
    void expireUnsent() throws Exception {
        OpenRequest a = added("a", true, 90);
        now.addAndGet(Duration.ofSeconds(11).toNanos());
        open.expire();
        assertThat(calls).singleElement().asString().contains("TimedOut", "'a'", "not acknowledged", "attach");
        added("b", true, 90);
        open.acknowledge(a, at(0, 1));
        result("a", at(0, 1));
        assertThat(calls).hasSize(1);
        assertThat(open.size()).isEqualTo(1);
    }

    @Test
    @DisplayName("End when the client is closed, and none is added later")
    void close() throws Exception {
        sent("a", 0, 1);
        open.close(Duration.ZERO);
        assertThat(calls).singleElement().asString().contains("Closed", "'a'", "attach");
        assertThat(open.add(handle("b"), true, 1, Duration.ofDays(1)).orElseThrow())
                .isInstanceOf(ClientException.Closed.class);
    }

    @Test
    @DisplayName("Pass events to the request with their id, and to no other")
    void events() throws Exception {
        OpenRequest a = sent("a", 0, 1);
        OpenRequest derived = sent("7", false, 1, 2);
        TextStreamTest.Collector texts = TextStreamTest.Collector.of(a);
        TextStreamTest.Collector others = TextStreamTest.Collector.of(derived);
        event("a", "x");
        event("generation-requests-1-2", "y");
        event("generation-requests-1-3", "no");
        assertThat(texts.seen()).containsExactly("x");
        assertThat(others.seen()).containsExactly("y");
    }

    private final List<OpenRequest> handles = new ArrayList<>();

    private OpenRequest open(String id) {
        return handles.stream().filter(each -> each.id().equals(id)).findFirst().orElseThrow();
    }

    private OpenRequest handle(String id) {
        return new OpenRequest(id, false, HERE, new AtomicLong(1000), request -> done());
    }

    private OpenRequest watched(OpenRequest request) {
        request.result()
                .whenComplete((result, failure) -> calls.add(request.id()
                        + (failure == null
                                ? " text of " + result.message().id()
                                : " " + failure.getCause().getClass().getSimpleName() + " "
                                        + failure.getCause().getMessage())));
        handles.add(request);
        return request;
    }

    private OpenRequest added(String id, boolean usable) throws InterruptedException {
        return added(id, usable, 1);
    }

    private OpenRequest added(String id, boolean usable, int bytes) throws InterruptedException {
        OpenRequest request = watched(handle(id));
        assertThat(open.add(request, usable, bytes, Duration.ZERO)).isEmpty();
        return request;
    }

    private OpenRequest sent(String id, int partition, long offset) throws InterruptedException {
        return sent(id, true, partition, offset);
    }

    private OpenRequest sent(String id, boolean usable, int partition, long offset) throws InterruptedException {
        OpenRequest request = added(id, usable);
        open.acknowledge(request, at(partition, offset));
        return request;
    }

    private String refusal(String id, int bytes) throws InterruptedException {
        ClientException refused =
                open.add(handle(id), true, bytes, Duration.ZERO).orElseThrow();
        assertThat(refused).isInstanceOf(ClientException.TooManyOpen.class);
        return refused.getMessage();
    }

    private static Source record(OpenRequest request) {
        return request.record().toCompletableFuture().join();
    }

    private void result(String id, Source source) {
        result(id, source, "text");
    }

    private void result(String id, Source source, String text) {
        open.onResult(id, TopicJson.write(SampleResults.completion(id, "m", text, source)));
    }

    private void event(String id, String text) {
        open.onEvent(id, TopicJson.write(new EventMessage(id, 1, 0, 0, text, Optional.empty())));
    }

    private static Source at(int partition, long offset) {
        return new Source("generation-requests", partition, offset);
    }

    private static CompletableFuture<Void> done() {
        return CompletableFuture.completedFuture(null);
    }
}
