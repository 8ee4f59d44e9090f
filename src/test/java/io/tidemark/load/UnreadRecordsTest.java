package io.tidemark.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The estimate of the unread records")
class UnreadRecordsTest {

    private static final TopicPartition FIRST = new TopicPartition("requests", 0);
    private static final TopicPartition SECOND = new TopicPartition("requests", 1);

    private final Map<TopicPartition, Long> positions = new HashMap<>(Map.of(FIRST, 0L, SECOND, 0L));
    /** The calls, which the tests answer. */
    private final List<Map<TopicPartition, CompletableFuture<Long>>> listings = new ArrayList<>();

    private final UnreadRecords unread = new UnreadRecords(
            this::list,
            each -> Optional.ofNullable(positions.get(each))
                    .map(OptionalLong::of)
                    .orElse(OptionalLong.empty()));
    private long nanos = TimeUnit.HOURS.toNanos(1);

    @Test
    @DisplayName("Counts from the position to the last stable offset, which is read every 5 s")
    void listed() {
        unread.assigned(Set.of(FIRST, SECOND));
        assertThat(waiting(FIRST, SECOND)).as("not known yet").isZero();
        answer(FIRST, 100);
        answer(SECOND, 50);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(150);
        assertThat(listings).hasSize(1);
        nanos += TimeUnit.SECONDS.toNanos(6);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(150);
        assertThat(listings).hasSize(2);
        positions.remove(SECOND);
        assertThat(waiting(FIRST, SECOND)).as("an unknown position").isEqualTo(100);
    }

    @Test
    @DisplayName("Keeps the last offset of a partition whose listing fails, uses those of the others, and lists again")
    void failed() {
        unread.assigned(Set.of(FIRST, SECOND));
        waiting(FIRST, SECOND);
        answer(FIRST, 100);
        answer(SECOND, 50);
        nanos += TimeUnit.SECONDS.toNanos(6);
        waiting(FIRST, SECOND);
        answer(FIRST, 200);
        last().get(SECOND).completeExceptionally(new TimeoutException("no leader"));
        assertThat(waiting(FIRST, SECOND)).isEqualTo(250);
        nanos += TimeUnit.SECONDS.toNanos(6);
        waiting(FIRST, SECOND);
        assertThat(listings).hasSize(3);
        answer(FIRST, 200);
        answer(SECOND, 60);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(260);
    }

    @Test
    @DisplayName("Lists partitions that are assigned during a listing as soon as it has ended")
    void assignedDuringListing() {
        unread.assigned(Set.of(FIRST));
        waiting(FIRST);
        unread.assigned(Set.of(SECOND));
        waiting(FIRST, SECOND);
        assertThat(listings).as("one at a time").hasSize(1);
        answer(FIRST, 100);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(100);
        assertThat(listings).hasSize(2);
        answer(FIRST, 100);
        answer(SECOND, 50);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(150);
    }

    @Test
    @DisplayName("Forgets the offset of a partition that was lost, so that it does not count when it is assigned again")
    void assignedAgain() {
        unread.assigned(Set.of(FIRST, SECOND));
        waiting(FIRST, SECOND);
        answer(FIRST, 100);
        answer(SECOND, 50);
        assertThat(waiting(FIRST)).isEqualTo(100);
        unread.assigned(Set.of(SECOND));
        assertThat(waiting(FIRST, SECOND)).isEqualTo(100);
        answer(FIRST, 100);
        answer(SECOND, 70);
        assertThat(waiting(FIRST, SECOND)).isEqualTo(170);
    }

    @Test
    @DisplayName("Does not count offsets without records, by their share lately, nor offsets before the assignment")
    void density() {
        positions.put(FIRST, 1_000_000L);
        unread.assigned(Set.of(FIRST));
        waiting(FIRST);
        answer(FIRST, 1_010_000);
        // a record, a marker, and an aborted record with its marker, by turns
        for (int i = 0; i < 1000; i++) {
            unread.read(FIRST);
            positions.merge(FIRST, 4L, Long::sum);
            waiting(FIRST);
        }
        assertThat(waiting(FIRST)).isCloseTo(6000 / 4.0, Percentage.withPercentage(1));
    }

    private double waiting(TopicPartition... owned) {
        return unread.byTopic(List.of(owned), nanos).get("requests");
    }

    private Map<TopicPartition, CompletableFuture<Long>> list(Collection<TopicPartition> partitions) {
        listings.add(partitions.stream().collect(Collectors.toMap(each -> each, each -> new CompletableFuture<>())));
        return last();
    }

    private void answer(TopicPartition partition, long end) {
        last().get(partition).complete(end);
    }

    private Map<TopicPartition, CompletableFuture<Long>> last() {
        return listings.get(listings.size() - 1);
    }
}
