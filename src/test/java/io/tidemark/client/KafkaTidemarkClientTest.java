package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.TextStreamTest.Collector;
import io.tidemark.message.Provenance.Source;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.management.ObjectName;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Requests of the client library, on a broker")
class KafkaTidemarkClientTest {

    private static final String REPLIES = "team-replies";
    private static final int MANY = 5000;

    private static EmbeddedBroker broker;
    private static Cluster cluster;

    private FakeService service;
    private KafkaTidemarkClient client;

    @BeforeAll
    static void startBroker() throws Exception {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
        CommandSettings.createTopics(cluster);
        try (Admin admin = cluster.admin()) {
            admin.createTopics(List.of(new NewTopic(REPLIES, 2, (short) 1)))
                    .all()
                    .get();
        }
    }

    @AfterAll
    static void stopBroker() {
        broker.close();
    }

    @BeforeEach
    void start() {
        service = new FakeService(cluster, Topics.DEFAULT.requests());
        client = KafkaTidemarkClient.connect(cluster.brokers());
    }

    @AfterEach
    void stop() {
        client.close(Duration.ZERO);
        service.close();
    }

    @Test
    @DisplayName("Completes a request with the committed result, and not with an aborted one")
    void committed() throws Exception {
        OpenRequest request = client.submit(prompt("p"));
        ConsumerRecord<String, byte[]> record = service.await();
        service.abortedAnswer(record, "WRONG");
        service.answer(record, "right");
        assertThat(get(request.result()).text()).isEqualTo("right");
        assertThat(get(request.record())).isEqualTo(FakeService.source(record));
        assertThat(client.openRequests()).isZero();
    }

    @Test
    @DisplayName("Sends key, headers and fields of a request, and an id if it has none")
    void record() {
        client.submit(prompt("p").key("k").traceparent("00-1-2-01").priority(-4).timeout(Duration.ofSeconds(9)));
        ConsumerRecord<String, byte[]> record = service.await();
        assertThat(record.key()).isEqualTo("k");
        assertThat(FakeService.header(record, "traceparent")).isEqualTo("00-1-2-01");
        JsonNode fields = GenerationRequestTest.parse(record.value());
        assertThat(fields.path("priority").asInt()).isEqualTo(-4);
        assertThat(fields.path("timeout_ms").asInt()).isEqualTo(9000);
        assertThat(fields.path("id").asText()).isNotEmpty();
        client.submit(prompt("p").withoutKey().header("tenant", "first").header("tenant", "second"));
        ConsumerRecord<String, byte[]> other = service.await();
        assertThat(other.key()).isNull();
        assertThat(other.headers()).extracting(Header::key).containsExactly("tenant", "tidemark-correlation");
        assertThat(FakeService.header(other, "tenant")).isEqualTo("second");
        assertThat(other.headers().lastHeader("tidemark-correlation").value())
                .hasSize(16)
                .isNotEqualTo(
                        record.headers().lastHeader("tidemark-correlation").value());
    }

    @Test
    @DisplayName("A subscriber that requests nothing, or blocks, does not delay the text of other requests")
    void slowSubscribers() throws Exception {
        Collector slow = Collector.of(client.submit(prompt("slow").streaming()).events(), 0);
        ConsumerRecord<String, byte[]> slowRecord = service.await();
        CountDownLatch blocked = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        client.submit(prompt("blocking").streaming()).events().subscribe(new Blocking(blocked, release));
        ConsumerRecord<String, byte[]> blockingRecord = service.await();
        OpenRequest fast = client.submit(prompt("fast").streaming());
        Collector texts = Collector.of(fast);
        ConsumerRecord<String, byte[]> fastRecord = service.await();
        for (int i = 0; i < 3; i++) {
            service.event(slowRecord, 1, i, "s" + i);
            service.event(blockingRecord, 1, i, "b" + i);
        }
        assertThat(blocked.await(30, TimeUnit.SECONDS)).isTrue();
        service.event(fastRecord, 1, 0, "one");
        await().until(() -> texts.seen().equals(List.of("one")));
        service.answer(fastRecord, "one two");
        assertThat(get(fast.result()).text()).isEqualTo("one two");
        await().until(() -> texts.seen().equals(List.of("one", " two", "end")));
        assertThat(slow.seen()).isEmpty();
        release.countDown();
        slow.request(1);
        await().until(() -> slow.seen().equals(List.of("s0s1s2")));
        service.answer(slowRecord, "s0s1s2");
        await().until(() -> slow.seen().equals(List.of("s0s1s2", "end")));
    }

    private record Blocking(CountDownLatch blocked, CountDownLatch release) implements Flow.Subscriber<RequestEvent> {

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(RequestEvent event) {
            blocked.countDown();
            try {
                release.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }

    @Test
    @DisplayName(
            "A stream of events waits for each, and joins the texts that come while the program does another thing")
    void eventStream() throws Exception {
        OpenRequest request = client.submit(prompt("p").streaming());
        ConsumerRecord<String, byte[]> record = service.await();
        List<String> texts = new ArrayList<>();
        try (Stream<RequestEvent> events = request.eventStream()) {
            Iterator<RequestEvent> each = events.iterator();
            service.event(record, 1, 0, "one");
            texts.add(((RequestEvent.Text) each.next()).text());
            service.event(record, 1, 1, " two");
            service.event(record, 1, 2, " three");
            service.answer(record, "one two three four");
            get(request.result());
            each.forEachRemaining(event -> texts.add(((RequestEvent.Text) event).text()));
        }
        assertThat(texts).containsExactly("one", " two three four");
        OpenRequest ended = client.submit(prompt("p").streaming());
        try (Stream<RequestEvent> events = ended.eventStream()) {
            service.event(service.await(), 1, 0, "first");
            assertThat(events.findFirst()).contains(new RequestEvent.Text(0, "first"));
        }
    }

    @Test
    @DisplayName("Text starts over when another worker runs the request, and the result completes it")
    void takeover() throws Exception {
        OpenRequest request = client.submit(prompt("p").streaming());
        Collector texts = Collector.of(request);
        ConsumerRecord<String, byte[]> record = service.await();
        service.event(record, 1, 0, "old");
        await().until(() -> texts.seen().size() == 1);
        service.event(record, 2, 0, "new");
        service.answer(record, "new text");
        get(request.result());
        await().until(() -> texts.seen().contains("end"));
        assertThat(String.join("|", texts.seen())).startsWith("old|restart|new").endsWith("|end");
    }

    @Test
    @DisplayName("Cancels a request by its record")
    void cancel() throws Exception {
        try (FakeService cancellations = new FakeService(cluster, Topics.DEFAULT.cancellations())) {
            OpenRequest request = client.submit(prompt("p"));
            get(request.record());
            get(request.cancel());
            get(request.cancel());
            JsonNode source =
                    GenerationRequestTest.parse(cancellations.await().value()).path("source");
            ConsumerRecord<String, byte[]> record = service.await();
            assertThat(source.path("topic").asText()).isEqualTo(record.topic());
            assertThat(source.path("partition").asInt()).isEqualTo(record.partition());
            assertThat(source.path("offset").asLong()).isEqualTo(record.offset());
        }
    }

    @Test
    @DisplayName("Names its reply topic, and reads it and the results topic")
    void replyTopic() throws Exception {
        try (TidemarkClient replied =
                KafkaTidemarkClient.builder(cluster).replyTopic(REPLIES).build()) {
            OpenRequest first = replied.submit(prompt("p"));
            ConsumerRecord<String, byte[]> record = service.await();
            assertThat(FakeService.header(record, "kafka_replyTopic")).isEqualTo(REPLIES);
            service.answer(REPLIES, List.of(record), "reply");
            assertThat(get(first.result()).text()).isEqualTo("reply");
            CompletionStage<RequestResult> second = replied.generate(prompt("p"));
            service.refuse(service.await(), "reply_topic_failed");
            assertThatThrownBy(() -> get(second)).hasRootCauseInstanceOf(ClientException.Refused.class);
        }
    }

    @Test
    @DisplayName("An error of the service is a result, and fails generate and the stream with its code")
    void refused() throws Exception {
        OpenRequest request = client.submit(prompt("p").streaming());
        service.refuse(service.await(), "unknown_model");
        assertThat(get(request.result()).error()).contains("unknown_model: this one is wrong");
        Collector texts = Collector.of(request);
        await().untilAsserted(() ->
                assertThat(texts.seen()).singleElement().asString().contains("error", "unknown_model"));
        CompletionStage<RequestResult> generated = client.generate(prompt("p"));
        service.refuse(service.await(), "unknown_model");
        assertThatThrownBy(() -> get(generated)).cause().satisfies(failure -> {
            assertThat(((ClientException.Refused) failure).code()).isEqualTo("unknown_model");
            assertThat(((ClientException.Refused) failure).isInvalidRequest()).isTrue();
        });
    }

    @Test
    @DisplayName("A record that the producer or the broker refuses as too large fails only its request, with its size")
    void tooLarge() throws Exception {
        OpenRequest before = client.submit(prompt("before"));
        for (int bytes : List.of(6_000_000, 4_500_000)) {
            OpenRequest large = client.submit(prompt("x".repeat(bytes)));
            assertThatThrownBy(() -> get(large.result()))
                    .cause()
                    .isInstanceOf(ClientException.TooLarge.class)
                    .hasMessageContainingAll(large.id(), Integer.toString(bytes / 1_000_000), "max.message.bytes");
        }
        service.answer(service.await(), "text");
        assertThat(get(before.result()).text()).isEqualTo("text");
    }

    @Test
    @DisplayName(
            "A request without a result in time fails and says what to do; too many open ones are refused, or wait")
    void limits() throws Exception {
        Limits limits = Limits.DEFAULT.withOpenRequests(1).withTime(Duration.ofSeconds(2));
        try (TidemarkClient small =
                KafkaTidemarkClient.builder(cluster).limits(limits).build()) {
            OpenRequest slow = small.submit(prompt("slow"));
            assertThatThrownBy(() -> get(small.submit(prompt("second")).result()))
                    .hasCauseInstanceOf(ClientException.TooManyOpen.class);
            OpenRequest waiting = small.submit(prompt("third"), Duration.ofSeconds(30));
            assertThatThrownBy(() -> get(slow.result()))
                    .cause()
                    .isInstanceOf(ClientException.TimedOut.class)
                    .hasMessageContainingAll("within 2 s", "is a worker running?", "attach");
            service.answer(service.await(2).get(1), "text");
            assertThat(get(waiting.result()).text()).isEqualTo("text");
        }
    }

    @Test
    @DisplayName("Building fails with advice without a broker, and without the topics")
    void noService() {
        Cluster nobody =
                new Cluster("127.0.0.1:1", Map.of("default.api.timeout.ms", "1000", "request.timeout.ms", "500"));
        assertThatThrownBy(() -> KafkaTidemarkClient.builder(nobody).build())
                .isInstanceOf(ClientException.class)
                .hasMessageContaining("127.0.0.1:1");
        assertThatThrownBy(() -> KafkaTidemarkClient.builder(cluster)
                        .topics(Topics.withPrefix("none-"))
                        .build())
                .isInstanceOf(ClientException.class)
                .hasMessageContaining("none-generation-results");
    }

    @Test
    @DisplayName("Requests of a client that was closed are attached by id: results from before and after arrive")
    void attach() throws Exception {
        Instant since = Instant.now().minusSeconds(1);
        OpenRequest a = client.submit(prompt("a").id("attach-a"));
        OpenRequest b = client.submit(prompt("b").id("attach-b").streaming());
        List<ConsumerRecord<String, byte[]>> records = service.await(2);
        client.close(Duration.ZERO);
        assertThatThrownBy(() -> get(a.result()))
                .cause()
                .isInstanceOf(ClientException.Closed.class)
                .hasMessageContaining("attach");
        assertThatThrownBy(() -> get(b.result())).hasCauseInstanceOf(ClientException.Closed.class);
        assertThatThrownBy(() -> get(client.submit(prompt("late")).result()))
                .hasCauseInstanceOf(ClientException.Closed.class);
        ConsumerRecord<String, byte[]> first = named(records, "attach-a");
        ConsumerRecord<String, byte[]> second = named(records, "attach-b");
        service.answer(first, "before");
        try (TidemarkClient restarted = KafkaTidemarkClient.connect(cluster.brokers())) {
            List<OpenRequest> attached = restarted.attach(List.of("attach-a", "attach-b"), since);
            assertThat(get(attached.get(0).result()).text()).isEqualTo("before");
            Collector texts = Collector.of(attached.get(1));
            service.event(second, 1, 5, "middle");
            service.answer(second, "all of it");
            assertThat(get(attached.get(1).result()).text()).isEqualTo("all of it");
            await().until(() -> texts.seen().equals(List.of("all of it", "end")));
        }
    }

    @Test
    @DisplayName("Attaches all ids of a list or none: an open or repeated id leaves no other one open")
    void attachAllOrNone() throws Exception {
        client.submit(prompt("p").id("taken"));
        assertThatThrownBy(() -> client.attach(List.of("free", "taken"), Instant.now()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'taken' is open");
        assertThat(client.openRequests()).isEqualTo(1);
        List<OpenRequest> attached = client.attach(List.of("free"), Instant.now());
        assertThat(client.openRequests()).isEqualTo(2);
        client.close(Duration.ZERO);
        assertThatThrownBy(() -> get(attached.get(0).result())).hasCauseInstanceOf(ClientException.Closed.class);
        OpenRequest late = client.attach(List.of("late"), Instant.now()).get(0);
        assertThatThrownBy(() -> get(late.result()))
                .cause()
                .isInstanceOf(ClientException.Closed.class)
                .hasMessageContaining("1 requests were not attached");
    }

    @Test
    @DisplayName("Requests that are attached with their records get the results of these, from before and after")
    void attachRecords() throws Exception {
        Instant since = Instant.now().minusSeconds(1);
        client.submit(prompt("a").id("same-a"));
        client.submit(prompt("b").id("same-b"));
        List<ConsumerRecord<String, byte[]>> records = service.await(2);
        ConsumerRecord<String, byte[]> first = named(records, "same-a");
        ConsumerRecord<String, byte[]> second = named(records, "same-b");
        client.close(Duration.ZERO);
        try (TidemarkClient other = KafkaTidemarkClient.connect(cluster.brokers());
                TidemarkClient restarted = KafkaTidemarkClient.connect(cluster.brokers())) {
            other.submit(prompt("c").id("same-a"));
            service.answer(service.await(), "of another request with this id");
            service.answer(first, "before");
            Map<String, Source> sources =
                    Map.of("same-a", FakeService.source(first), "same-b", FakeService.source(second));
            Map<String, OpenRequest> attached = restarted.attachRecords(sources, since).stream()
                    .collect(Collectors.toMap(OpenRequest::id, each -> each));
            assertThat(get(attached.get("same-a").result()).text()).isEqualTo("before");
            assertThat(get(attached.get("same-b").record())).isEqualTo(FakeService.source(second));
            service.answer(second, "after");
            assertThat(get(attached.get("same-b").result()).text()).isEqualTo("after");
        }
    }

    @Test
    @DisplayName("Closing ends the threads of the client after the last callback")
    void threadsEnd() throws Exception {
        Queue<Thread> threads = new ConcurrentLinkedQueue<>();
        OpenRequest request = client.submit(prompt("p"));
        CompletionStage<Void> called = request.result()
                .handle((result, failure) -> threads.add(Thread.currentThread()))
                .thenAccept(added -> {});
        client.close(Duration.ZERO);
        get(called);
        assertThat(threads)
                .singleElement()
                .satisfies(thread -> assertThat(thread.getName()).startsWith("tidemark-callbacks-"));
        await().atMost(Duration.ofSeconds(5)).until(() -> !threads.element().isAlive());
    }

    @Test
    @DisplayName("Closing in a callback on the thread that reads results does not wait for the end of that thread")
    void closesInCallback() throws Exception {
        KafkaTidemarkClient inline =
                KafkaTidemarkClient.builder(cluster).callbacks(Runnable::run).build();
        OpenRequest request = inline.submit(prompt("p"));
        CompletionStage<Thread> closed = request.result().thenApply(result -> {
            inline.close(Duration.ZERO);
            return Thread.currentThread();
        });
        service.answer(service.await(), "text");
        Thread reader = closed.toCompletableFuture().get(8, TimeUnit.SECONDS);
        assertThat(reader.getName()).isEqualTo("tidemark-client");
        await().until(() -> !reader.isAlive());
    }

    @Test
    @DisplayName("An executor that refuses callbacks leaves no request open, and the client can be closed")
    void refusingExecutor() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        KafkaTidemarkClient refused =
                KafkaTidemarkClient.builder(cluster).callbacks(executor).build();
        OpenRequest answered = refused.submit(prompt("a"));
        OpenRequest left = refused.submit(prompt("b"));
        List<ConsumerRecord<String, byte[]>> records = service.await(2);
        executor.shutdown();
        service.answer(named(records, answered.id()), "text");
        assertThat(get(answered.result()).text()).isEqualTo("text");
        refused.close(Duration.ZERO);
        assertThatThrownBy(() -> get(left.result())).hasCauseInstanceOf(ClientException.Closed.class);
    }

    @Test
    @DisplayName("A client whose consumer cannot be created leaves no producer open")
    void closesProducer() throws Exception {
        Cluster wrong = new Cluster(cluster.brokers(), Map.of("client.id", "never-built", "max.poll.records", "none"));
        assertThatThrownBy(() -> KafkaTidemarkClient.builder(wrong).build())
                .isInstanceOf(ClientException.class)
                .hasMessageContaining("max.poll.records");
        assertThat(ManagementFactory.getPlatformMBeanServer()
                        .queryNames(new ObjectName("kafka.producer:type=app-info,id=never-built"), null))
                .isEmpty();
    }

    private static ConsumerRecord<String, byte[]> named(List<ConsumerRecord<String, byte[]>> records, String id) {
        return records.stream()
                .filter(record -> FakeService.id(record).equals(id))
                .findFirst()
                .orElseThrow();
    }

    @Test
    @DisplayName("Closing waits for open requests")
    void closeWaits() throws Exception {
        OpenRequest request = client.submit(prompt("p"));
        ConsumerRecord<String, byte[]> record = service.await();
        CompletableFuture<Void> closing = CompletableFuture.runAsync(() -> client.close(Duration.ofSeconds(60)));
        await().untilAsserted(() -> assertThatThrownBy(
                        () -> get(client.submit(prompt("late")).result()))
                .hasCauseInstanceOf(ClientException.Closed.class));
        assertThat(closing).isNotDone();
        service.answer(record, "text");
        closing.get(30, TimeUnit.SECONDS);
        assertThat(get(request.result()).text()).isEqualTo("text");
    }

    @Test
    @DisplayName("5,000 requests are open at once over one consumer and one thread, within 2 KiB of heap each")
    void many() throws Exception {
        List<OpenRequest> warm = submit(500);
        service.answer(Topics.DEFAULT.results(), service.await(500), "text");
        for (OpenRequest each : warm) {
            get(each.result());
        }
        List<OpenRequest> open = submit(MANY);
        List<ConsumerRecord<String, byte[]>> records = service.await(MANY);
        for (OpenRequest each : open) {
            get(each.record());
        }
        // a header that was not read keeps the bytes of its fetch
        records.forEach(record -> record.headers().forEach(header -> Map.entry(header.key(), header.value())));
        long withOpen = used();
        assertThat(client.openRequests()).isEqualTo(MANY);
        assertThat(Thread.getAllStackTraces().keySet().stream()
                        .filter(thread -> thread.getName().equals("tidemark-client")))
                .hasSize(1);
        for (int from = 0; from < MANY; from += 500) {
            service.answer(Topics.DEFAULT.results(), records.subList(from, from + 500), "text");
        }
        for (OpenRequest request : open) {
            assertThat(get(request.result()).id()).isEqualTo(request.id());
        }
        assertThat(client.openRequests()).isZero();
        open.clear();
        // the producer's pool of buffers and the records of the fake service are in both measurements
        long each = (withOpen - used()) / MANY;
        System.out.printf("%d open requests: %d bytes of heap each%n", MANY, each);
        assertThat(records).hasSize(MANY);
        assertThat(each).isBetween(256L, 2048L);
    }

    private List<OpenRequest> submit(int count) {
        List<OpenRequest> open = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            open.add(client.submit(prompt("p".repeat(1000)).withoutKey()));
        }
        return open;
    }

    private static long used() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    private static GenerationRequest prompt(String prompt) {
        return GenerationRequest.prompt("m", prompt);
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
}
