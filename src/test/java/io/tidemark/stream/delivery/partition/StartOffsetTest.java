package io.tidemark.stream.delivery.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.partition.PartitionLogs.PartitionLog;
import io.tidemark.stream.delivery.partition.StartOffset.Change;
import java.util.BitSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The start offset of a partition, committed at 10 with results of 11 and 13,")
class StartOffsetTest {

    private static final long COMMITTED = 10;
    private static final String TOPIC = "id-1";

    /** A result is kept if its record is in the log before the difference and not before the start offset. */
    @ParameterizedTest(name = "log from {0}, different from {1}")
    @CsvSource({
        // first, difference, offset, kept
        "0, 0, 0, ''",
        "0, 9, 9, ''",
        "0, 10, 10, ''",
        "0, 11, 10, ''",
        "0, 12, 10, '11'",
        "0, 13, 10, '11'",
        "0, 14, 10, '11 13'",
        "0, 9000000000, 10, '11 13'",
        "9, 0, 9, ''",
        "9, 9, 9, ''",
        "9, 10, 10, ''",
        "10, 0, 10, ''",
        "10, 9, 10, ''",
        "10, 10, 10, ''",
        "10, 12, 10, '11'",
        "11, 0, 11, ''",
        "11, 11, 11, ''",
        "11, 12, 11, '11'",
        "11, 14, 11, '11 13'",
        "13, 14, 13, '13'",
        "14, 14, 14, ''",
        "14, 20, 14, ''",
        "9000000000, 0, 9000000000, ''"
    })
    @DisplayName("In a truncated log is the first difference or the first record, and never throws")
    void truncated(long first, long difference, long offset, String kept) {
        StartOffset start = StartOffset.of(COMMITTED, metadata(epoch(3)), log(first, 20), OptionalLong.of(difference));
        assertThat(start.change()).isEqualTo(Change.TRUNCATED);
        assertThat(start.offset()).isEqualTo(offset);
        assertThat(finished(start)).isEqualTo(kept);
        assertThat(start.lost()).isZero();
    }

    @ParameterizedTest(name = "log from {0} to {1}")
    @CsvSource({
        // 13 has a result, so that the log of the commit ended at 14 or later
        "0, 9, TRUNCATED, 0, ''",
        "0, 13, TRUNCATED, 0, ''",
        "9, 13, TRUNCATED, 9, ''",
        "10, 10, TRUNCATED, 10, ''",
        "10, 13, TRUNCATED, 10, ''",
        "11, 13, TRUNCATED, 11, ''",
        "0, 14, NONE, 10, '11 13'",
        "10, 14, NONE, 10, '11 13'",
        "11, 14, EXPIRED, 11, '11 13'",
        "14, 14, EXPIRED, 14, ''"
    })
    @DisplayName("Without an epoch is the beginning of a log that is too short for the results")
    void tooShort(long first, long end, Change change, long offset, String kept) {
        StartOffset start =
                StartOffset.of(COMMITTED, metadata(OptionalInt.empty()), log(first, end), OptionalLong.empty());
        assertThat(start.change()).isEqualTo(change);
        assertThat(start.offset()).isEqualTo(offset);
        assertThat(finished(start)).isEqualTo(kept);
    }

    @ParameterizedTest(name = "log from {0}")
    @CsvSource({
        // 10 and 12 have no result, nor do those from 14 on
        "9, NONE, 10, '11 13', 0",
        "10, NONE, 10, '11 13', 0",
        "11, EXPIRED, 11, '11 13', 1",
        "12, EXPIRED, 12, '13', 1",
        "13, EXPIRED, 13, '13', 2",
        "14, EXPIRED, 14, '', 2",
        "20, EXPIRED, 20, '', 8",
        "9000000000, EXPIRED, 9000000000, '', 8999999988"
    })
    @DisplayName("Behind deleted records is the first one, and counts those without a result")
    void expired(long first, Change change, long offset, String kept, long lost) {
        StartOffset start =
                StartOffset.of(COMMITTED, metadata(epoch(3)), log(first, 10_000_000_000L), OptionalLong.empty());
        assertThat(start.change()).isEqualTo(change);
        assertThat(start.offset()).isEqualTo(offset);
        assertThat(finished(start)).isEqualTo(kept);
        assertThat(start.lost()).isEqualTo(lost);
    }

    @Test
    @DisplayName("In a topic that was created again is the beginning, without results")
    void createdAgain() {
        CommitMetadata metadata = CommitMetadata.NONE
                .in(new LogIdentity(Optional.of("id-2"), epoch(3)))
                .finished(results());
        StartOffset start = StartOffset.of(COMMITTED, metadata, log(10, 20), OptionalLong.of(0));
        assertThat(start.change()).isEqualTo(Change.RECREATED);
        assertThat(start.offset()).isEqualTo(10);
        assertThat(finished(start)).isEmpty();
    }

    private static OptionalInt epoch(int number) {
        return OptionalInt.of(number);
    }

    private static BitSet results() {
        BitSet results = new BitSet();
        results.set(1);
        results.set(3);
        return results;
    }

    private static CommitMetadata metadata(OptionalInt epoch) {
        return CommitMetadata.NONE
                .in(new LogIdentity(Optional.of(TOPIC), epoch))
                .finished(results());
    }

    private static PartitionLog log(long first, long end) {
        return new PartitionLog(Optional.of(TOPIC), OptionalLong.of(first), OptionalLong.of(end), OptionalInt.of(3));
    }

    private static String finished(StartOffset start) {
        return start.metadata().finished().stream()
                .mapToObj(bit -> String.valueOf(start.offset() + bit))
                .collect(Collectors.joining(" "));
    }
}
