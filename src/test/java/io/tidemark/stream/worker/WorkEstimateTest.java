package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The estimate of the work that waits")
class WorkEstimateTest {

    private static final double FIRST = WorkEstimate.FIRST_PROMPT + WorkEstimate.FIRST_COMPLETION;

    private final RecordingEngine engine = new RecordingEngine();
    private final WorkEstimate work = new WorkEstimate(engine);

    @Test
    @DisplayName("Is zero without work")
    void nothing() {
        assertThat(work.outstandingTokens(0)).isZero();
        assertThat(work.topicTokens("requests")).isZero();
    }

    @Test
    @DisplayName(
            "Counts the records of each topic, those read ahead and those in admission with the mean of recent requests")
    void means() {
        work.waiting(Map.of("urgent", 3.0, "batch", 100.0), 5);
        assertThat(work.topicTokens("urgent")).isEqualTo(3 * FIRST);
        work.answered(10, 20, 1);
        assertThat(work.topicTokens("urgent"))
                .as("the first answer replaces the guess")
                .isEqualTo(90);
        assertThat(work.topicTokens("batch")).isEqualTo(3000);
        assertThat(work.topicTokens("other")).isZero();
        assertThat(work.outstandingTokens(2)).isEqualTo(7 * 30);
        work.answered(30, 0, 1);
        assertThat(work.topicTokens("urgent")).isEqualTo(90);
        for (int i = 0; i < 1000; i++) {
            work.answered(100, 100, 1);
        }
        assertThat(work.topicTokens("urgent")).isCloseTo(600, Offset.offset(0.1));
    }

    @Test
    @DisplayName(
            "Counts rejected records, which need no tokens, in the mean of records but not in the length of a choice")
    void rejected() {
        work.answered(100, 100, 2);
        work.rejected();
        work.waiting(Map.of("requests", 1.0), 0);
        assertThat(work.topicTokens("requests")).isEqualTo(100);
        engine.estimateTokens(usual -> usual);
        assertThat(work.outstandingTokens(0)).as("a choice").isEqualTo(50);
    }

    @Test
    @DisplayName(
            "Becomes a time when the capacity has been measured, also by a worker that never has requests in a queue")
    void seconds() {
        engine.estimateTokens(usual -> 300);
        work.answered(1, 1, 1);
        work.waiting(Map.of("a", 100.0, "b", 50.0), 0);
        assertThat(work.seconds(0)).isEmpty();
        for (int second = 0; second <= 20; second++) {
            engine.work(second * 60L, false);
            work.sample(TimeUnit.SECONDS.toNanos(second), true);
        }
        assertThat(work.tokensPerSecond()).hasValue(60);
        assertThat(work.seconds(0)).hasValue((300 + 300) / 60.0);
    }
}
