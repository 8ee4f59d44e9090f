package io.tidemark.cli.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.client.ClientException;
import io.tidemark.client.InMemoryTidemark;
import io.tidemark.client.InMemoryTidemark.CannedAnswer;
import io.tidemark.client.TidemarkClient;
import io.tidemark.message.Provenance.Source;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A run of a file")
class FileRunTest {

    private static final LineIds IDS = new LineIds("f:0:");
    private static final WindowLimits THREE = new WindowLimits(3, 1 << 20, Duration.ofMinutes(5));

    private final List<LineResult> results = new ArrayList<>();
    private final FinishedIds finished = new FinishedIds(IDS);
    private final AtomicLong now = new AtomicLong();

    @Test
    @DisplayName("keeps no more requests open than its limit, and sends the next one after each result")
    void boundedInNumber() {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.none());
        CompletableFuture<Void> run = inBackground(service, THREE, prompts(5));
        awaitSent(service, 3);
        service.answer("f:0:2", CannedAnswer.text("x"));
        awaitSent(service, 4);
        assertThat(service.openRequests()).isEqualTo(3);
        List.of(1, 3, 4).forEach(line -> service.answer("f:0:" + line, CannedAnswer.text("x")));
        awaitSent(service, 5);
        service.answer("f:0:5", CannedAnswer.text("x"));
        run.join();
        assertThat(results).extracting(LineResult::id).containsExactly("f:0:2", "f:0:1", "f:0:3", "f:0:4", "f:0:5");
    }

    @Test
    @DisplayName("keeps no more bytes open than its limit, and sends a larger line alone")
    void boundedInBytes() {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.none());
        WindowLimits limits = new WindowLimits(100, 60, Duration.ofMinutes(5));
        String large = "{\"prompt\": \"" + "x".repeat(100) + "\"}\n";
        CompletableFuture<Void> run = inBackground(service, limits, prompts(3) + large);
        awaitSent(service, 3);
        service.answer("f:0:1", CannedAnswer.text("x"));
        service.answer("f:0:2", CannedAnswer.text("x"));
        assertThat(service.requests()).hasSize(3);
        service.answer("f:0:3", CannedAnswer.text("x"));
        awaitSent(service, 4);
        service.answer("f:0:4", CannedAnswer.text("x"));
        run.join();
    }

    @Test
    @DisplayName("skips lines that have a result, and awaits requests that were sent before without sending them")
    void continues() throws Exception {
        finished.finish("f:0:1");
        finished.finish("mine");
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("new"));
        FileRun run = run(service, THREE);
        run.attach(
                Map.of("f:0:3", new FileRun.Sent("f:0:3", LineFormat.OPENAI, new Source("generation-requests", 0, 7))),
                Instant.EPOCH);
        CompletableFuture<Void> end = CompletableFuture.runAsync(() -> send(run, """
                {"prompt": "1"}
                {"id": "mine", "prompt": "2"}
                {"prompt": "3"}
                {"prompt": "4"}
                """));
        awaitSent(service, 1);
        service.answer("f:0:3", CannedAnswer.text("old"));
        end.join();
        assertThat(service.requests())
                .extracting(request -> request.field("prompt").asText())
                .containsExactly("4");
        assertThat(results).extracting(LineResult::id).containsExactlyInAnyOrder("f:0:3", "f:0:4");
        assertThat(results).anyMatch(result -> result.json().contains("\"custom_id\":\"f:0:3\""));
    }

    @Test
    @DisplayName("sends numbers as they are in the line, also those that are too large or too exact for a double")
    void keepsNumbers() throws Exception {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("x"));
        send(run(service, THREE), """
                {"prompt": "1", "structured_outputs": {"json": {"maximum": 1e999, "minimum": -0.12345678901234567890, "multipleOf": 1.50}}}
                {"custom_id": "o", "method": "POST", "url": "/v1/completions", "body": {"prompt": "2", "temperature": 1e999}}
                {"prompt": "3", "temperature": 1e99999999999}
                """);
        assertThat(service.requests())
                .extracting(request -> request.json().toString())
                .satisfiesExactly(
                        first -> assertThat(first)
                                .contains(
                                        "\"maximum\":1E+999",
                                        "\"minimum\":-0.12345678901234567890",
                                        "\"multipleOf\":1.50"),
                        second -> assertThat(second).contains("\"temperature\":1E+999"));
        assertThat(results)
                .filteredOn(LineResult::isError)
                .singleElement()
                .satisfies(result -> assertThat(result.json()).contains("invalid_json", "line 3"));
    }

    @Test
    @DisplayName("gives each line one result: invalid and repeated lines have an error under the id of their number")
    void refusesLines() throws Exception {
        InMemoryTidemark service =
                new InMemoryTidemark(request -> request.field("prompt").asText().equals("bad")
                        ? CannedAnswer.refused("no", "no")
                        : CannedAnswer.text("x"));
        String lines = """
                {"id": "a", "prompt": "1"}
                {"id": "a", "prompt": "2"}
                {"id": "f:0:1", "prompt": "2"}
                [1]

                {"prompt": "bad"}
                {"id": 5, "prompt": "3"}
                """;
        send(run(service, THREE), lines);
        assertThat(results)
                .extracting(LineResult::id)
                .containsExactly("a", "f:0:2", "f:0:3", "f:0:4", "f:0:6", "f:0:7");
        assertThat(results).extracting(LineResult::isError).containsExactly(false, true, true, true, true, true);
        assertThat(results.get(1).json()).contains("duplicate_id");
        assertThat(results.get(3).json()).contains("invalid_json", "line 4 is not a JSON object");
        results.clear();
        FinishedIds all = finished;
        List.of("a", "f:0:2", "f:0:3", "f:0:4", "f:0:6", "f:0:7").forEach(all::finish);
        send(run(service, THREE), lines.replace("\"a\"", "\"b\"").replace("\"prompt\": \"1\"", "\"prompt\": \"9\""));
        assertThat(results)
                .as("only the line whose id is new")
                .extracting(LineResult::id)
                .containsExactly("b");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("leaves a last line without a line feed that is no JSON for the next run, as if it were not there")
    @ValueSource(strings = {"{\"prompt\": \"2", "{\"prompt\": tru", "{", "2\u00e9", "  "})
    void leavesAnUnfinishedLine(String part) throws Exception {
        byte[] text = ("{\"prompt\": \"1\"}\n" + part).getBytes(StandardCharsets.UTF_8);
        // the last byte of \u00e9 is not yet written
        byte[] written = part.endsWith("\u00e9") ? Arrays.copyOf(text, text.length - 1) : text;
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("x"));
        RequestLines lines = new RequestLines(new ByteArrayInputStream(written), IDS, request -> {});
        OptionalLong unfinished = run(service, THREE).send(lines, Optional.empty(), () -> {});
        assertThat(unfinished).isEqualTo(part.isBlank() ? OptionalLong.empty() : OptionalLong.of(2));
        assertThat(results).extracting(LineResult::id).containsExactly("f:0:1");
        RequestLines before = lines("{\"prompt\": \"1\"}\n");
        before.next();
        assertThat(lines.read()).isEqualTo(1);
        assertThat(lines.digest()).isEqualTo(before.digest());

        finished.finish("f:0:1");
        send(run(service, THREE), "{\"prompt\": \"1\"}\n{\"prompt\": \"2\"}\n");
        assertThat(results).extracting(LineResult::isError).containsExactly(false, false);
    }

    @Test
    @DisplayName("sends a last line without a line feed that is JSON, and refuses one that can't become a request")
    void takesALastLineWithoutLineFeed() throws Exception {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("x"));
        RequestLines lines = lines("{\"prompt\": \"1\"}\n{\"prompt\": \"2\"}");
        assertThat(run(service, THREE).send(lines, Optional.empty(), () -> {})).isEmpty();
        assertThat(lines.read()).isEqualTo(2);
        send(run(service, THREE), prompts(2) + "[1]");
        assertThat(results).extracting(LineResult::isError).containsExactly(false, false, false, false, true);
    }

    @Test
    @DisplayName("fails after the time without a result, and that of each result begins anew")
    void timesOut() {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.none());
        FileRun run = run(service, THREE);
        int[] ticks = {0};
        assertThatThrownBy(() -> run.send(lines(prompts(3)), Optional.empty(), () -> {
                    now.addAndGet(Duration.ofMinutes(2).toNanos());
                    if (++ticks[0] == 2) {
                        service.answer("f:0:1", CannedAnswer.text("x"));
                    }
                }))
                .hasMessageContaining("no result for 300 s (open requests: 2)");
        assertThat(ticks[0]).as("steps of 2 minutes").isEqualTo(5);
        assertThat(results).hasSize(1);
    }

    @Test
    @DisplayName("ends with the failure of a result that cannot be written")
    void outputFails() {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("x"));
        FileRun run = new FileRun(
                service,
                new OpenWindow(THREE, now::get),
                finished,
                result -> {
                    throw new IOException("the disk is full");
                },
                Clock.systemUTC());
        assertThatThrownBy(() -> run.send(lines(prompts(5)), Optional.empty(), () -> {}))
                .hasMessageContaining("the disk is full");
    }

    @Test
    @DisplayName("ends with the failure of a request that is not of that line, such as a closed client")
    void clientFails() {
        InMemoryTidemark service = new InMemoryTidemark(request -> CannedAnswer.text("x"));
        service.close(Duration.ZERO);
        assertThatThrownBy(() -> run(service, THREE).send(lines(prompts(1)), Optional.empty(), () -> {}))
                .isInstanceOf(ClientException.Closed.class);
        assertThat(results).isEmpty();
    }

    @Test
    @DisplayName("of 100,000 lines with ids of their own needs less than 16 MiB of heap more than one of 10,000")
    void constantMemory() throws Exception {
        AtomicLong written = new AtomicLong();
        long[] used = new long[2];
        FileRun run = new FileRun(
                forgetful(),
                new OpenWindow(THREE, now::get),
                finished,
                result -> written.incrementAndGet(),
                Clock.systemUTC());
        run.send(new RequestLines(new GeneratedLines(100_000), IDS, request -> {}), Optional.of("run"), () -> {
            if (written.get() == 10_000 && used[0] == 0) {
                used[0] = usedHeap();
            }
        });
        used[1] = usedHeap();
        assertThat(written).hasValue(100_000);
        assertThat(used[1] - used[0]).isLessThan(16 << 20);
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    /** A service that does not keep the requests: each thousand has its own. */
    private static TidemarkClient forgetful() {
        TidemarkClient[] current = {null};
        int[] count = {0};
        return (TidemarkClient) Proxy.newProxyInstance(
                FileRunTest.class.getClassLoader(),
                new Class<?>[] {TidemarkClient.class},
                (proxy, method, arguments) -> {
                    if (count[0]++ % 1000 == 0) {
                        current[0] = new InMemoryTidemark(request -> CannedAnswer.text("x"));
                    }
                    try {
                        return method.invoke(current[0], arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Lines of about 1 KiB. */
    private static final class GeneratedLines extends InputStream {

        private final SequenceInputStream in;

        private GeneratedLines(int count) {
            int[] next = {0};
            String text = "x".repeat(1000);
            in = new SequenceInputStream(new Enumeration<>() {
                @Override
                public boolean hasMoreElements() {
                    return next[0] < count;
                }

                @Override
                public InputStream nextElement() {
                    String line = "{\"id\": \"request-" + next[0]++ + "\", \"prompt\": \"" + text + "\"}\n";
                    return new ByteArrayInputStream(line.getBytes(StandardCharsets.UTF_8));
                }
            });
        }

        @Override
        public int read() throws IOException {
            return in.read();
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            return in.read(bytes, offset, length);
        }
    }

    private FileRun run(TidemarkClient client, WindowLimits limits) {
        return new FileRun(client, new OpenWindow(limits, now::get), finished, results::add, Clock.systemUTC());
    }

    private CompletableFuture<Void> inBackground(TidemarkClient client, WindowLimits limits, String text) {
        FileRun run = run(client, limits);
        return CompletableFuture.runAsync(() -> send(run, text));
    }

    private static void send(FileRun run, String text) {
        try {
            run.send(lines(text), Optional.empty(), () -> {});
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static RequestLines lines(String text) {
        return new RequestLines(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), IDS, request -> {});
    }

    private static String prompts(int count) {
        return "{\"prompt\": \"p\"}\n".repeat(count);
    }

    private static void awaitSent(InMemoryTidemark service, int count) {
        Awaitility.await().until(() -> service.requests().size() >= count);
    }
}
