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
        ends(1, 15);
        position(12);
        assertThat(watch.lag()).isEqualTo(3);
        position(15);
        assertThat(watch.lag()).isZero();
    }

    @Test
    @DisplayName("Names the offset at which the table has stood for longer, and the newest end")
    void behind() {
        for (int second = 15; second <= 55; second += 2) {
            ends(second, second);
            position(12);
        }
        assertThat(watch.trouble(seconds(30))).isEmpty();
        assertThat(watch.trouble(seconds(31)))
                .contains("topic 'table' has not been read to its end for 31 s: table-0 at 12 of 55");
        position(55);
        assertThat(watch.trouble(seconds(56))).isEmpty();
    }

    @Test
    @DisplayName("Has no trouble with transactions that overlap without end, if each ends in time")
    void overlappingTransactions() {
        for (int second = 1; second < 200; second++) {
            // each transaction is open for 5 s, and the next ones begin before it ends
            ends(second, second);
            position(Math.max(0, second - 5));
            assertThat(watch.trouble(seconds(second))).isEmpty();
        }
    }

    @Test
    @DisplayName("Says why the ends can't be fetched, and forgets it when they are fetched again")
    void noEnds() {
        ends(1, 15);
        position(15);
        watch.onFailure("not authorized: no DESCRIBE");
        assertThat(watch.trouble(seconds(31))).isEmpty();
        assertThat(watch.trouble(seconds(32)))
                .get()
                .asString()
                .contains("end offsets can't be fetched: not authorized: no DESCRIBE");
        ends(33, 15);
        position(15);
        assertThat(watch.trouble(seconds(33))).isEmpty();
    }

    @Test
    @DisplayName("Sees a reader that observes nothing any more")
    void stuckThread() {
        ends(1, 15);
        position(15);
        assertThat(watch.trouble(seconds(60))).get().asString().contains("end offsets have not been fetched since");
    }

    private void ends(long second, long highWatermark) {
        watch.onEnds(new Ends(seconds(second), Map.of(PARTITION, highWatermark)));
    }

    private void position(long offset) {
        watch.onPositions(Map.of(PARTITION, offset), (partition, end) -> partition + " at " + offset + " of " + end);
    }

    private static long seconds(long seconds) {
        return TimeUnit.SECONDS.toNanos(seconds);
    }
}
