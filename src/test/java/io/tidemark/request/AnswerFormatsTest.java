package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.FakeGrammars;
import io.tidemark.grammar.FormatCompiler;
import io.tidemark.input.RejectedException;
import io.tidemark.message.AnswerFormat;
import io.tidemark.message.FormatFields;
import io.tidemark.stream.LogCapture;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

// a thread that waits for the lock of the formats can't be interrupted
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("The formats of answers")
class AnswerFormatsTest {

    private static final FormatFields REGEX = RequestRunnerFixture.admitted(
                    "{\"model\": \"m\", \"prompt\": \"x\", \"structured_outputs\": {\"regex\": \"a\"}}")
            .message()
            .answer();

    private final AtomicInteger openings = new AtomicInteger();
    private final AtomicInteger closings = new AtomicInteger();

    @Test
    @DisplayName("Open their compiler once for concurrent first requests; until it is open, no format is known")
    void openOnce() throws Exception {
        CountDownLatch opened = new CountDownLatch(1);
        AnswerFormats formats = AnswerFormats.of(() -> {
            await(opened);
            return compiler();
        });
        List<CompletableFuture<CompiledGrammar>> first =
                Stream.generate(() -> compileOnThread(formats)).limit(4).toList();
        assertThat(formats.find(REGEX, "a")).as("does not wait").isEmpty();
        opened.countDown();
        for (CompletableFuture<CompiledGrammar> each : first) {
            assertThat(each.get()).isNotNull();
        }
        assertThat(openings).hasValue(1);
        assertThat(formats.find(REGEX, "a")).isPresent();
    }

    static List<Throwable> failures() {
        return List.of(new IllegalStateException("a broken tokenizer"), new UnsatisfiedLinkError("a broken library"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    @DisplayName("Are refused if the compiler can't be opened; the log has the reason once, and it is not tried again")
    void openingFails(Throwable reason) {
        AnswerFormats formats = AnswerFormats.of(() -> {
            openings.incrementAndGet();
            if (reason instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) reason;
        });
        List<String> log = LogCapture.of(AnswerFormats.class, () -> {
            for (int i = 0; i < 3; i++) {
                assertUnavailable(() -> formats.compile(REGEX, "a"));
            }
            assertUnavailable(() -> formats.find(REGEX, "a"));
        });
        assertThat(log).singleElement().asString().contains("formats_unavailable", reason.getMessage());
        assertThat(openings).hasValue(1);
    }

    @Test
    @DisplayName("Close a compiler that is open, and open none afterwards")
    void close() throws Exception {
        AnswerFormats used = AnswerFormats.of(this::compiler);
        assertThat(used.usedBytes()).isZero();
        used.compile(REGEX, "a");
        assertThat(used.usedBytes()).isEqualTo(7);
        used.close();
        assertThat(used.usedBytes()).isZero();
        used.close();
        assertThat(closings).hasValue(1);
        assertUnavailable(() -> used.compile(REGEX, "a"));

        AnswerFormats unused = AnswerFormats.of(this::compiler);
        unused.close();
        assertUnavailable(() -> unused.compile(REGEX, "a"));
        assertThat(openings).hasValue(1);
        assertThat(closings).hasValue(1);
    }

    @Test
    @DisplayName("Are closed while their compiler is opened without a wait; it is closed as soon as it is open")
    void closeWhileOpening() throws Exception {
        CountDownLatch opened = new CountDownLatch(1);
        AnswerFormats formats = AnswerFormats.of(() -> {
            await(opened);
            return compiler();
        });
        CompletableFuture<CompiledGrammar> first = compileOnThread(formats);
        formats.close();
        assertThat(first).as("the opening goes on").isNotDone();
        assertUnavailable(() -> formats.find(REGEX, "a"));
        opened.countDown();
        assertThat(first)
                .failsWithin(Duration.ofSeconds(20))
                .withThrowableThat()
                .havingRootCause()
                .isInstanceOf(RejectedException.class);
        assertThat(openings).hasValue(1);
        assertThat(closings).hasValue(1);
        assertUnavailable(() -> formats.compile(REGEX, "a"));
    }

    private interface Call {
        Object run() throws RejectedException;
    }

    private static void assertUnavailable(Call call) {
        assertThatThrownBy(call::run).isInstanceOfSatisfying(RejectedException.class, refused -> {
            assertThat(refused.error().code()).isEqualTo("formats_unavailable");
            assertThat(refused.error().type()).isEqualTo("server_error");
        });
    }

    private static CompletableFuture<CompiledGrammar> compileOnThread(AnswerFormats formats) {
        Supplier<CompiledGrammar> compilation = () -> {
            try {
                return formats.compile(REGEX, "a");
            } catch (RejectedException e) {
                throw new IllegalStateException(e);
            }
        };
        CompletableFuture<CompiledGrammar> result = new CompletableFuture<>();
        Thread thread = new Thread(() -> result.completeAsync(compilation, Runnable::run));
        thread.setDaemon(true);
        thread.start();
        // it waits for the opening, as the first or behind it
        Awaitility.await()
                .until(() -> thread.getState() == Thread.State.WAITING || thread.getState() == Thread.State.BLOCKED);
        return result;
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private FormatCompiler compiler() {
        openings.incrementAndGet();
        return new FormatCompiler() {

            private volatile Optional<CompiledGrammar> kept = Optional.empty();

            @Override
            public Optional<CompiledGrammar> find(AnswerFormat format, String tenant) {
                return kept;
            }

            @Override
            public CompiledGrammar compile(AnswerFormat format, String tenant) {
                kept = Optional.of(new FakeGrammars().compiled());
                return kept.get();
            }

            @Override
            public long usedBytes() {
                return 7;
            }

            @Override
            public void close() {
                closings.incrementAndGet();
            }
        };
    }
}
