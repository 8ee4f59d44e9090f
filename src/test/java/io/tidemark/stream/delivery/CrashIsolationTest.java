package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.CrashIsolation.Permit;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import io.tidemark.stream.delivery.partition.PartitionProgress;
import io.tidemark.stream.delivery.reply.Delivery;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The isolation of requests after deaths")
class CrashIsolationTest {

    /** The suspects of the first partition are 0 and 1. */
    private static final CrashHistory SUSPECTS = new CrashHistory(2, 2, OptionalLong.empty(), 0);

    private final PartitionProgress first = new PartitionProgress(
            new TopicPartition("t", 0),
            Deliveries.PROCESS,
            0,
            Deliveries.metadata(Optional.empty(), false, SUSPECTS, new BitSet()));
    private final PartitionProgress second = Deliveries.progress(new TopicPartition("t", 1));
    private final List<PartitionProgress> owned = List.of(first, second);
    private final ReadAhead readAhead =
            new ReadAhead(Deliveries.tenants(List.of("t")), 0.1, 100, ReadAheadTest.BUDGET, any -> false);
    private final CrashIsolation isolation = new CrashIsolation(readAhead);

    @Test
    @DisplayName("Runs the suspects one at a time, each after a commit that names it, and then any requests")
    void oneAtATime() {
        read(first, 3);
        read(second, 1);
        for (long offset = 0; offset < 2; offset++) {
            Delivery alone = alone();
            assertThat(alone.offset()).isEqualTo(offset);
            assertThat(isolation.next(owned, Stream.of(alone))).isInstanceOf(Permit.Nothing.class);
            first.committed(first.commit(List.of(offset)));
        }
        assertThat(permit()).isInstanceOf(Permit.Anything.class);
        assertThat(first.crashes()).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Blames no suspect that has an answer, although its reply topic can't be written yet")
    void answerWaits() {
        read(first, 3);
        assertThat(alone().offset()).isZero();
        assertThat(alone().offset()).isEqualTo(1);
        first.committed(first.commit(List.of(1L)));
        assertThat(permit()).isInstanceOf(Permit.Anything.class);
        CrashHistory after = metadata(first).crashes().afterDeath(0, 3);
        assertThat(after.isCrashing(0)).isFalse();
        assertThat(after.deaths()).as("the deaths before have no suspect left").isEqualTo(1);
    }

    @Test
    @DisplayName("Counts no death of another partition's requests for a suspect that has an answer")
    void onlyOthersRun() {
        read(first, 2);
        read(second, 2);
        assertThat(alone().offset()).isZero();
        assertThat(alone().offset()).isEqualTo(1);
        // both answers wait
        assertThat(permit()).isInstanceOf(Permit.Anything.class);
        assertThat(metadata(first).idle()).isTrue();
        assertThat(metadata(second).idle()).isFalse();
    }

    @Test
    @DisplayName("Marks a partition as idle that is assigned while a request runs alone")
    void assignedMeanwhile() {
        read(first, 2);
        Delivery alone = alone();
        PartitionProgress third = Deliveries.progress(new TopicPartition("t", 2));
        assertThat(isolation.next(List.of(first, second, third), Stream.of(alone)))
                .isInstanceOf(Permit.Nothing.class);
        assertThat(metadata(third).idle()).isTrue();
    }

    /** The request that is permitted to run alone, after a commit. */
    private Delivery alone() {
        Permit permit = permit();
        assertThat(permit).isInstanceOf(Permit.Alone.class);
        return ((Permit.Alone) permit).delivery();
    }

    /** What may start, after the commits that it needs. */
    private Permit permit() {
        commit();
        assertThat(isolation.next(owned, Stream.empty())).isInstanceOf(Permit.Nothing.class);
        assertThat(owned).anyMatch(PartitionProgress::needsClaim);
        commit();
        return isolation.next(owned, Stream.empty());
    }

    private void commit() {
        owned.forEach(each -> each.committed(each.commit(List.of())));
    }

    private void read(PartitionProgress progress, int count) {
        for (long offset = 0; offset < count; offset++) {
            progress.open(offset);
            readAhead.add(Deliveries.delivery(progress, offset));
        }
    }

    private static CommitMetadata metadata(PartitionProgress progress) {
        return CommitMetadata.of("t", progress.commit(List.of()).target());
    }
}
