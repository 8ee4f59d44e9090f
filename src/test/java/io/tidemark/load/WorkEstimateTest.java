package io.tidemark.load;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.EngineLoad;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The estimate of the work that waits")
class WorkEstimateTest {

    /** An engine of which each choice needs the usual length. */
    private static final class OneChoice implements EngineLoad {

        private long processed;
        private boolean saturated;

        @Override
        public long tokensProcessed() {
            return processed;
        }

        @Override
        public boolean isSaturated() {
            return saturated;
        }

        @Override
        public double tokensLeft(double completionTokens) {
            return completionTokens;
        }
    }

    private final OneChoice engine = new OneChoice();
    private final WorkEstimate work = new WorkEstimate(engine);

    @Test
    @DisplayName("Has no waiting record and no mean before the first answer, and counts 256 tokens for a completion")
    void nothing() {
        assertThat(work.outstandingTokens()).isEqualTo(256);
        assertThat(work.waitingRecords("requests")).isZero();
        assertThat(work.tokensPerRecord()).isEmpty();
    }

    @Test
    @DisplayName("Counts the records of each topic that are unread or not started")
    void records() {
        work.unread(Map.of("urgent", 3.0, "batch", 100.0));
        work.unstarted(Map.of("urgent", 5));
        assertThat(work.waitingRecords("urgent")).isEqualTo(8);
        assertThat(work.waitingRecords("batch")).isEqualTo(100);
        assertThat(work.waitingRecords("other")).isZero();
    }

    @Test
    @DisplayName("Has the mean tokens of recent records")
    void means() {
        work.answered(10, 20, 1);
        assertThat(work.tokensPerRecord()).hasValue(30);
        work.answered(30, 0, 1);
        assertThat(work.tokensPerRecord()).hasValue(30);
        for (int i = 0; i < 1000; i++) {
            work.answered(100, 100, 1);
        }
        assertThat(work.tokensPerRecord().orElseThrow()).isCloseTo(200, Offset.offset(0.1));
    }

    @Test
    @DisplayName(
            "Counts rejected records, which need no tokens, in the mean of records but not in the length of a choice")
    void rejected() {
        work.answered(100, 100, 2);
        for (int i = 0; i < 1000; i++) {
            work.answered(100, 100, 2);
            work.rejected();
        }
        assertThat(work.tokensPerRecord().orElseThrow()).isCloseTo(100, Offset.offset(5.0));
        assertThat(work.outstandingTokens()).as("a choice").isEqualTo(50);
    }

    @Test
    @DisplayName("Does not price the waiting records with 0 tokens because the first one was rejected")
    void rejectedFirst() {
        work.rejected();
        assertThat(work.tokensPerRecord()).as("nothing is known yet").isEmpty();
        work.answered(40, 50, 1);
        assertThat(work.tokensPerRecord().orElseThrow()).isBetween(75.0, 90.0);
    }

    @Test
    @DisplayName("Measures the capacity while the engine is saturated, however many requests wait for an adapter")
    void capacity() {
        for (int second = 0; second <= 20; second++) {
            engine.processed = second;
            work.sample(TimeUnit.SECONDS.toNanos(second));
        }
        assertThat(work.tokensPerSecond()).isEmpty();
        for (int second = 21; second <= 41; second++) {
            engine.processed = second * 60L;
            engine.saturated = true;
            work.sample(TimeUnit.SECONDS.toNanos(second));
        }
        assertThat(work.tokensPerSecond()).hasValue(60);
    }
}
