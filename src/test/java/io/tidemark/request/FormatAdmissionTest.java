package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.FinishReason;
import io.tidemark.grammar.FakeGrammars;
import io.tidemark.grammar.GrammarException;
import io.tidemark.message.AnswerFormat;
import io.tidemark.message.CancellationMessage;
import io.tidemark.time.RunningTime;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request with a format of its answer")
class FormatAdmissionTest {

    private final RequestRunnerFixture fixture = new RequestRunnerFixture();

    @AfterEach
    void closeFixture() {
        fixture.close();
    }

    @Test
    @DisplayName("Waits for the compilation of a new format without blocking later requests, and runs with its grammar")
    void doesNotBlock() {
        deliver(1, "warm", "a");
        fixture.deliver(2, "warm");
        assertThat(fixture.engine().submitted())
                .extracting(FormatAdmissionTest::offset)
                .containsExactly(2);
        assertThat(fixture.compiled()).isEmpty();
        compile();
        assertThat(fixture.engine().submitted())
                .extracting(FormatAdmissionTest::offset)
                .containsExactly(2, 1);
        assertThat(fixture.engine().submitted())
                .extracting(request -> request.params().grammar().isPresent())
                .containsExactly(false, true);
    }

    @Test
    @DisplayName("Runs at once with the grammar of an earlier request with the same format")
    void knownFormat() {
        deliver(1, "warm", "a");
        compile();
        deliver(2, "warm", "a");
        assertThat(fixture.compilations()).isEmpty();
        assertThat(fixture.engine().submitted()).hasSize(2);
        assertThat(fixture.engine().submitted().get(1).params().grammar()).isPresent();
    }

    @Test
    @DisplayName("Asks for its adapter after the compilation, so that a refused format loads none")
    void adapterIsLast() {
        deliver(1, "cold", "a");
        assertThat(fixture.noAdapterRequested()).isTrue();
        compile();
        fixture.coldLease().complete(fixture.store().awaitLease("cold"));
        assertThat(fixture.engine().submitted())
                .singleElement()
                .satisfies(request -> assertThat(request.params().grammar()).isPresent());
    }

    @Test
    @DisplayName("Is answered with code, field and message of the compiler if its format is refused")
    void refused() {
        fixture.onCompilation(format -> Optional.of(FakeGrammars.failure(
                GrammarException.UNSUPPORTED, "'uniqueItems' at $.properties.a is not supported")));
        CompletableFuture<Answer> answered = deliver(1, "cold", "a");
        compile();
        assertThat(answered).isCompleted();
        assertThat(fixture.results())
                .contains("invalid_request_error", "unsupported_format", "'uniqueItems' at $.properties.a")
                .contains("\"param\":\"structured_outputs.regex\"");
        assertThat(fixture.noAdapterRequested()).isTrue();
        assertThat(fixture.engine().submitted()).isEmpty();
        assertThat(fixture.outcomes()).containsExactly("unsupported_format");
    }

    @Test
    @DisplayName("Is refused before the compilation if it can never run")
    void refusedBeforeCompilation() {
        String body = "{\"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 100000, "
                + "\"structured_outputs\": {\"regex\": \"a\"}}";
        assertThat(fixture.deliver(1, 0, body)).isCompleted();
        assertThat(fixture.compilations()).isEmpty();
        assertThat(fixture.results()).contains("context_length_exceeded");
    }

    @Test
    @DisplayName(
            "Opens the compiler on a thread of formats, once; requests without a format and admission never open it")
    void opensTheCompiler() {
        fixture.deliver(1, "warm");
        deliver(2, "warm", "a");
        assertThat(fixture.openings()).isZero();
        compile();
        assertThat(fixture.openings()).isOne();
        deliver(3, "warm", "b");
        compile();
        assertThat(fixture.openings()).isOne();
        assertThat(fixture.engine().submitted())
                .extracting(FormatAdmissionTest::offset)
                .containsExactly(1, 2, 3);
    }

    @Test
    @DisplayName("Gets an error of the server, without a field, if the compiler is to blame")
    void compilerIsToBlame() {
        for (String code : List.of(GrammarException.BUSY, GrammarException.FAILED)) {
            fixture.onCompilation(format -> Optional.of(FakeGrammars.failure(code, "later")));
            assertThat(deliver(code.length(), "cold", code)).isNotDone();
            compile();
            assertThat(fixture.results()).contains("server_error", code).doesNotContain("\"param\":\"structured");
        }
    }

    @Test
    @DisplayName("Releases its format when it ends, whatever its state is")
    void releasesItsFormat() {
        // finished by the engine; another one with the same format still runs
        deliver(1, "warm", "a");
        compile();
        deliver(2, "warm", "a");
        assertThat(fixture.openGrammars()).isEqualTo(2);
        fixture.engine().finish(0, "a", FinishReason.STOP);
        assertThat(fixture.openGrammars()).isEqualTo(1);
        fixture.engine().finish(1, "a", FinishReason.STOP);
        assertThat(fixture.openGrammars()).isZero();
        // cancelled while its adapter loads
        deliver(3, "cold", "a");
        assertThat(fixture.openGrammars()).isEqualTo(1);
        fixture.requests().cancel(CancellationMessage.ofId("r3"), now());
        assertThat(fixture.openGrammars()).isZero();
        // abandoned while its adapter loads
        ReceivedRequest request = fixture.received(4, now(), body("a").replace("warm", "cold"));
        fixture.deliver(request);
        assertThat(fixture.openGrammars()).isEqualTo(1);
        fixture.requests().abandon(request);
        assertThat(fixture.openGrammars()).isZero();
        // ended while its format is compiled
        deliver(5, "warm", "b");
        fixture.onCompilation(format -> {
            fixture.requests().cancel(CancellationMessage.ofId("r5"), now());
            return Optional.empty();
        });
        compile();
        assertThat(fixture.compiled()).contains(new AnswerFormat.Regex("b"));
        assertThat(fixture.openGrammars()).isZero();
        // abandoned while it runs: the engine has it until its step ends
        fixture.onCompilation(format -> Optional.empty());
        ReceivedRequest running = fixture.received(6, now(), body("a").replace("r1", "r6"));
        fixture.deliver(running);
        fixture.requests().abandon(running);
        assertThat(fixture.openGrammars()).isEqualTo(1);
        fixture.engine().finish(fixture.engine().submitted().size() - 1, "a", FinishReason.CANCELLED);
        assertThat(fixture.openGrammars()).isZero();
    }

    @Test
    @DisplayName("Gets an error of the server if the compiler can't be opened, and other requests run")
    void unavailable() {
        fixture.duringOpening(() -> {
            throw new IllegalStateException("a fault in /a/folder");
        });
        CompletableFuture<Answer> first = deliver(1, "cold", "a");
        CompletableFuture<Answer> other = deliver(2, "cold", "b");
        compile();
        compile();
        CompletableFuture<Answer> later = deliver(3, "cold", "a");
        assertThat(fixture.compilations()).as("refused by admission").isEmpty();
        assertThat(List.of(first, other, later))
                .allSatisfy(answered -> assertThat(answered).isCompleted());
        assertThat(fixture.results().split("\"formats_unavailable\"")).hasSize(4);
        assertThat(fixture.results()).contains("server_error").doesNotContain("/a/folder");
        fixture.deliver(4, "warm");
        assertThat(fixture.engine().submitted())
                .extracting(FormatAdmissionTest::offset)
                .containsExactly(4);
        assertThat(fixture.openings()).isOne();
        assertThat(fixture.failures()).isEmpty();
    }

    @Test
    @DisplayName("Ends the process if the heap does not suffice to open the compiler")
    void openingEndsTheProcess() {
        fixture.duringOpening(() -> {
            throw new OutOfMemoryError("for this test");
        });
        deliver(1, "warm", "a");
        compile();
        assertThat(fixture.failures()).singleElement().isInstanceOf(OutOfMemoryError.class);
    }

    @Test
    @DisplayName("Does not count the opening of the compiler as a part of its admission, whose time is limited")
    void slowOpening() {
        fixture.duringOpening(() -> {
            Duration limit = RequestRunnerFixture.LIMITS.admission().plus(Watchdog.AFTER_INTERRUPTION);
            for (long i = 0; i <= 2 * limit.toSeconds(); i++) {
                fixture.time().sleep(RunningTime.TICK);
                fixture.requests().watchdog().tick();
            }
        });
        fixture.deliver(fixture.received(1, now(), body("a").replace(", \"timeout_ms\": 3000", "")));
        compile();
        assertThat(fixture.failures()).isEmpty();
        assertThat(fixture.engine().submitted()).hasSize(1);
    }

    @Test
    @DisplayName("Ends at its deadline or with its cancellation while its format is compiled, and does not run later")
    void endsWhileCompiling() {
        CompletableFuture<Answer> late = deliver(1, "warm", "a");
        CompletableFuture<Answer> cancelled = deliver(2, "warm", "b");
        fixture.onCompilation(format -> {
            fixture.requests().cancel(CancellationMessage.ofId("r2"), now());
            fixture.time().sleep(Duration.ofSeconds(4));
            return Optional.empty();
        });
        compile();
        assertThat(late).isCompletedWithValueMatching(answer -> answer.outcome().equals("deadline"));
        assertThat(cancelled)
                .isCompletedWithValueMatching(answer -> answer.outcome().equals("cancelled"));
        compile();
        assertThat(fixture.compiled()).as("not that of the cancelled request").hasSize(1);
        assertThat(fixture.engine().submitted()).isEmpty();
        assertThat(fixture.answers()).hasSize(2);
    }

    @Test
    @DisplayName("Is abandoned unanswered while its format is compiled")
    void abandoned() {
        ReceivedRequest request = fixture.received(1, now(), body("a"));
        CompletableFuture<Answer> answered = fixture.deliver(request);
        fixture.requests().abandon(request);
        compile();
        assertThat(fixture.compiled()).isEmpty();
        assertThat(answered).isNotDone();
        assertThat(fixture.engine().submitted()).isEmpty();
    }

    @Test
    @DisplayName("Is answered with an error if the compiler fails, and later formats are compiled")
    void compilerFails() {
        fixture.onCompilation(format -> format.equals(new AnswerFormat.Regex("a"))
                ? Optional.of(new IllegalStateException("a fault"))
                : Optional.empty());
        CompletableFuture<Answer> answered = deliver(1, "warm", "a");
        deliver(2, "warm", "b");
        compile();
        compile();
        assertThat(answered).isCompleted();
        assertThat(fixture.results()).contains("internal_error").doesNotContain("a fault");
        assertThat(fixture.engine().submitted())
                .extracting(FormatAdmissionTest::offset)
                .containsExactly(2);
        assertThat(fixture.failures()).isEmpty();
        assertThat(fixture.outcomes()).containsExactly("internal_error", "compiled");
    }

    @Test
    @DisplayName("Ends the process when its compilation hangs, also while other requests are admitted")
    void hangs() {
        fixture.onCompilation(format -> {
            Duration limit = RequestRunnerFixture.LIMITS.admission().plus(Watchdog.AFTER_INTERRUPTION);
            for (long i = 0; i <= limit.toSeconds(); i++) {
                fixture.deliver((int) (10 + i), "warm");
                assertThat(fixture.failures()).isEmpty();
                fixture.time().sleep(RunningTime.TICK);
                fixture.requests().watchdog().tick();
            }
            return Optional.empty();
        });
        ReceivedRequest request = fixture.received(1, now(), body("a").replace(", \"timeout_ms\": 3000", ""));
        fixture.deliver(request);
        compile();
        assertThat(fixture.failures()).hasSize(1);
    }

    private CompletableFuture<Answer> deliver(int offset, String model, String regex) {
        return fixture.deliver(
                offset, now(), body(regex).replace("r1", "r" + offset).replace("warm", model));
    }

    private static String body(String regex) {
        return "{\"id\": \"r1\", \"model\": \"warm\", \"prompt\": \"x\", \"max_tokens\": 4, \"timeout_ms\": 3000, "
                + "\"structured_outputs\": {\"regex\": \"" + regex + "\"}}";
    }

    private void compile() {
        fixture.compilations().remove().run();
    }

    private long now() {
        return fixture.time().instant().toEpochMilli();
    }

    private static int offset(EngineRequest request) {
        return Integer.parseInt(request.id().replaceFirst("requests-0-(\\d+)#.*", "$1"));
    }
}
