package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Order of waiting requests")
class WaitingRequestsTest {

    @AutoClose
    private static final FixtureModel MODEL = FixtureModel.load("llama-gqa");

    private final LoraWeights first = MODEL.adapter("all");
    private final LoraWeights second = MODEL.adapter("qv");

    private final WaitingRequests waiting = new WaitingRequests();

    @Test
    @DisplayName("The smallest priority starts first, and requests of one priority in the order of their submission")
    void priorities() {
        add("default", 0);
        add("urgent", -7);
        add("low", Integer.MAX_VALUE);
        add("default again", 0);
        add("most urgent", Integer.MIN_VALUE);
        add("urgent again", -7);
        assertThat(startAll())
                .containsExactly("most urgent", "urgent", "urgent again", "default", "default again", "low");
    }

    @Test
    @DisplayName("Adapters and the base model take turns, each in the order of submission")
    void turns() {
        IntStream.range(0, 4).forEach(i -> add("flood " + i, first));
        add("second 0", second);
        add("base 0", 0);
        add("base 1", 0);
        assertThat(startAll())
                .containsExactly("flood 0", "second 0", "base 0", "flood 1", "base 1", "flood 2", "flood 3");
    }

    @Test
    @DisplayName("Tenants take turns, however many adapters one of them uses")
    void tenants() {
        for (int i = 0; i < 2; i++) {
            addOf("flood", "base " + i, Optional.empty());
            addOf("flood", "first " + i, Optional.of(first));
            addOf("flood", "second " + i, Optional.of(second));
        }
        addOf("quiet", "quiet 0", Optional.of(first));
        addOf("quiet", "quiet 1", Optional.of(first));
        assertThat(startAll())
                .containsExactly(
                        "base 0", "quiet 0", "first 0", "quiet 1", "second 0", "base 1", "first 1", "second 1");
    }

    @Test
    @DisplayName("A request that arrives in a flood for another adapter is the second one to start from then on")
    void arrivesInAFlood() {
        IntStream.range(0, 1000).forEach(i -> add("flood " + i, first));
        for (int i = 0; i < 3; i++) {
            start();
            add("single " + i, second);
            assertThat(start()).startsWith("flood");
            assertThat(start()).isEqualTo("single " + i);
        }
    }

    @Test
    @DisplayName(
            "Every eighth start takes the oldest request, although requests of smaller priority arrive all the time")
    void oldest() {
        add("old 0", 5);
        add("old 1", 9);
        add("old 2", 7);
        List<String> started = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            add("urgent", -1);
            started.add(start());
        }
        assertThat(started.get(7)).isEqualTo("old 0");
        assertThat(started.get(15)).isEqualTo("old 1");
        assertThat(started.get(23)).isEqualTo("old 2");
        started.removeAll(List.of("old 0", "old 1", "old 2"));
        assertThat(started).hasSize(21).containsOnly("urgent");
    }

    @Test
    @DisplayName("A request that does not start costs its adapter no turn, and the oldest request its start")
    void removed() {
        add("first 0", first);
        add("first 1", first);
        add("second 0", second);
        waiting.remove(waiting.next().orElseThrow());
        assertThat(start()).isEqualTo("first 1");
        assertThat(start()).isEqualTo("second 0");
        add("old", 1);
        for (int i = 2; i < 7; i++) {
            add("urgent", 0);
            start();
        }
        add("urgent", 0);
        add("next oldest", 1);
        waiting.remove(waiting.next().orElseThrow());
        add("late", -1);
        assertThat(start()).isEqualTo("urgent");
        assertThat(start()).isEqualTo("late");
        assertThat(start()).isEqualTo("next oldest");
    }

    @Test
    @DisplayName("Matching requests are removed, the oldest first, and the others keep their order")
    void removesMatching() {
        add("a 0", first);
        add("b 0", second);
        add("a 1", first);
        add("b 1", 3);
        assertThat(waiting.removeIf(request -> request.request().id().startsWith("b")))
                .extracting(request -> request.request().id())
                .containsExactly("b 0", "b 1");
        assertThat(waiting.size()).isEqualTo(2);
        assertThat(startAll()).containsExactly("a 0", "a 1");
    }

    @Test
    @DisplayName("In random sequences a request with n older ones is at the latest the 8 (n + 1)-th to start")
    void bound() {
        Random random = new Random(13);
        List<Optional<LoraWeights>> adapters = List.of(Optional.empty(), Optional.of(first), Optional.of(second));
        Map<SubmittedRequest, Integer> latest = new HashMap<>();
        int starts = 0;
        for (int i = 0; i < 20_000; i++) {
            int action = random.nextInt(20);
            if (action < (i < 10_000 ? 11 : 8)) {
                // a request of priority 9 is overtaken by all others, but for the rule
                SubmittedRequest request = submitted(
                        TestRequest.of("r", List.of(1)).priority(random.nextInt(10)),
                        adapters.get(random.nextInt(adapters.size())));
                latest.put(request, starts + 8 * (waiting.size() + 1));
                waiting.add(request);
            } else if (action == 19) {
                waiting.removeIf(request -> random.nextInt(100) == 0).forEach(latest::remove);
            } else if (waiting.size() > 0) {
                SubmittedRequest request = waiting.next().orElseThrow();
                waiting.start(request);
                starts++;
                assertThat(starts).isLessThanOrEqualTo(latest.remove(request));
            }
            assertThat(waiting.size()).isEqualTo(latest.size());
        }
        assertThat(starts).isGreaterThan(5000);
    }

    private void add(String id, int priority) {
        waiting.add(submitted(TestRequest.of(id, List.of(1)).priority(priority), Optional.empty()));
    }

    private void add(String id, LoraWeights lora) {
        waiting.add(submitted(TestRequest.of(id, List.of(1)), Optional.of(lora)));
    }

    private void addOf(String tenant, String id, Optional<LoraWeights> lora) {
        EngineRequest request = submitted(TestRequest.of(id, List.of(1)), lora).request();
        waiting.add(new SubmittedRequest(
                new EngineRequest(
                        id, request.prompt(), request.params(), request.lora(), request.boundary(), 0, tenant),
                RecordingListener.plain(),
                0));
    }

    private static SubmittedRequest submitted(TestRequest request, Optional<LoraWeights> lora) {
        return new SubmittedRequest(
                lora.map(weights -> request.with(weights, 6)).orElse(request).request(), RecordingListener.plain(), 0);
    }

    private String start() {
        SubmittedRequest next = waiting.next().orElseThrow();
        waiting.start(next);
        return next.request().id();
    }

    private List<String> startAll() {
        List<String> started = new ArrayList<>();
        while (waiting.size() > 0) {
            started.add(start());
        }
        assertThat(waiting.next()).isEmpty();
        return started;
    }
}
