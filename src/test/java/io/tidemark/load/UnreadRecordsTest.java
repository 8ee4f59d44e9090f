package io.tidemark.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The estimate of the unread records")
class UnreadRecordsTest {

    private static final TopicPartition FIRST = new TopicPartition("requests", 0);
    private static final TopicPartition SECOND = new TopicPartition("requests", 1);

    private final Map<TopicPartition, Long> positions = new HashMap<>(Map.of(FIRST, 0L, SECOND, 0L));
    private final Map<TopicPartition, Long> ends = new HashMap<>();
    private final UnreadRecords unread = new UnreadRecords(each -> known(ends, each), each -> known(positions, each));

    @Test
    @DisplayName("Counts from the position to the last stable offset, of partitions of which both are known")
    void listed() {
        unread.assigned(Set.of(FIRST, SECOND));
        assertThat(waiting(FIRST, SECOND)).as("not known yet").isZero();
        ends.put(FIRST, 100L);
        ends.put(SECOND, 50L);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(150);
        positions.remove(SECOND);
        assertThat(waiting(FIRST, SECOND)).as("an unknown position").isEqualTo(100);
    }

    @Test
    @DisplayName("Does not count offsets without records, by their share lately, nor offsets before the assignment")
    void density() {
        positions.put(FIRST, 1_000_000L);
        unread.assigned(Set.of(FIRST));
        ends.put(FIRST, 1_010_000L);
        // a record, a marker, and an aborted record with its marker, by turns
        for (int i = 0; i < 1000; i++) {
            unread.read(FIRST);
            positions.merge(FIRST, 4L, Long::sum);
            waiting(FIRST);
        }
        assertThat(waiting(FIRST)).isCloseTo(6000 / 4.0, Percentage.withPercentage(1));
    }

    private double waiting(TopicPartition... owned) {
        return unread.byTopic(List.of(owned)).get("requests");
    }

    private static OptionalLong known(Map<TopicPartition, Long> offsets, TopicPartition partition) {
        return offsets.containsKey(partition) ? OptionalLong.of(offsets.get(partition)) : OptionalLong.empty();
    }
}
