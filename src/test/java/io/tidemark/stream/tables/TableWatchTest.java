package io.tidemark.stream.tables;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.tables.TableWatch.Ends;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The watch of a table, with a permitted staleness of 30 s,")
class TableWatchTest {

    private static final TopicPartition PARTITION = new TopicPartition("table", 0);

    private final TableWatch watch = new TableWatch("table", Duration.ofSeconds(30), 0);

    @Test
    @DisplayName("Has no lag before its first observation, and then the offsets up to the high watermark")
    void lag() {
        assertThat(watch.lag()).isNaN();
        ends(1, 15, 12);
        position(12);
        assertThat(watch.lag()).isEqualTo(3);
        position(15);
        assertThat(watch.lag()).isZero();
    }

    @Test
    @DisplayName("Names an open transaction at which the table has stood for longer")
    void openTransaction() {
        for (int second = 1; second <= 40; second += 2) {
            ends(second, 15, 12);
            position(12);
        }
        assertThat(watch.trouble(seconds(30))).isEmpty();
        assertThat(watch.trouble(seconds(31)))
                .get()
                .asString()
                .contains(
                        "topic 'table' has not been read to its end for 31 s",
                        "partition 0 of 'table' is read up to offset 12 of 15, held back by an open transaction",
                        "kafka-transactions.sh find-hanging --topic table --partition 0");
        position(15);
        assertThat(watch.trouble(seconds(41))).isEmpty();
    }

    @Test
    @DisplayName("Names the offset of a table that is behind without a transaction")
    void slow() {
        ends(1, 15, 15);
        position(12);
        assertThat(watch.trouble(seconds(31)))
                .get()
                .asString()
                .contains("is read up to offset 12 of 15")
                .doesNotContain("transaction");
    }

    @Test
    @DisplayName("Has no trouble with transactions that overlap without end, if each ends in time")
    void overlappingTransactions() {
        for (int second = 1; second < 200; second++) {
            // each transaction is open for 5 s, and the next ones begin before it ends
            ends(second, second, Math.max(0, second - 5));
            position(Math.max(0, second - 5));
            assertThat(watch.trouble(seconds(second))).isEmpty();
        }
    }

    @Test
    @DisplayName("Says why the ends can't be fetched, and forgets it when they are fetched again")
    void noEnds() {
        ends(1, 15, 15);
        position(15);
        watch.onFailure("not authorized: no DESCRIBE");
        assertThat(watch.trouble(seconds(31))).isEmpty();
        assertThat(watch.trouble(seconds(32)))
                .get()
                .asString()
                .contains("end offsets can't be fetched: not authorized: no DESCRIBE");
        ends(33, 15, 15);
        position(15);
        assertThat(watch.trouble(seconds(33))).isEmpty();
    }

    @Test
    @DisplayName("Sees a reader that observes nothing any more")
    void stuckThread() {
        ends(1, 15, 15);
        position(15);
        assertThat(watch.trouble(seconds(60))).get().asString().contains("end offsets have not been fetched since");
    }

    private void ends(long second, long highWatermark, long lastStable) {
        watch.onEnds(new Ends(seconds(second), Map.of(PARTITION, highWatermark), Map.of(PARTITION, lastStable)));
    }

    private void position(long offset) {
        watch.onPositions(Map.of(PARTITION, offset));
    }

    private static long seconds(long seconds) {
        return TimeUnit.SECONDS.toNanos(seconds);
    }
}
