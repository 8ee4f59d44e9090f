package io.tidemark.stream.delivery.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.Deliveries;
import io.tidemark.stream.delivery.partition.PartitionProgress.ProgressCommit;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The progress of a partition")
class PartitionProgressTest {

    private static final TopicPartition PARTITION = new TopicPartition("requests", 0);

    @Test
    @DisplayName("Commits the oldest open request, and names those that are finished above it")
    void outOfOrder() {
        PartitionProgress progress = at(10);
        List.of(10L, 11L, 12L, 13L).forEach(progress::open);
        ProgressCommit commit = progress.commit(List.of(11L, 13L));
        assertThat(commit.target().offset()).isEqualTo(10);
        assertThat(finished(commit.target())).containsExactly(11L, 13L);
        progress.committed(commit);
        commit = progress.commit(List.of(10L));
        assertThat(commit.target().offset()).isEqualTo(12);
        assertThat(finished(commit.target())).containsExactly(13L);
        progress.committed(commit);
        assertThat(offset(progress, 12)).isEqualTo(14);
    }

    @Test
    @DisplayName("Keeps new requests and changes for the next commit while a transaction runs")
    void duringTransaction() {
        PartitionProgress progress = at(10);
        progress.open(10);
        ProgressCommit commit = progress.commit(List.of(10L));
        progress.open(11);
        progress.release();
        progress.committed(commit);
        assertThat(progress.needsCommit()).isTrue();
        assertThat(progress.open(11)).isTrue();
        commit = progress.commit(List.of());
        assertThat(commit.target().offset()).isEqualTo(11);
        assertThat(CommitMetadata.of("", commit.target()).owner()).isEmpty();
        progress.committed(commit);
        assertThat(progress.needsCommit()).isFalse();
    }

    @Test
    @DisplayName("Commits offsets without records once no request is open")
    void skipped() {
        PartitionProgress progress = at(10);
        progress.open(10);
        progress.committed(progress.commit(List.of()));
        progress.skipTo(12);
        assertThat(progress.needsCommit()).isFalse();
        ProgressCommit last = progress.commit(List.of(10L));
        assertThat(last.target().offset()).isEqualTo(11);
        progress.committed(last);
        progress.skipTo(12);
        assertThat(progress.needsCommit()).isTrue();
        assertThat(progress.needsClaim()).as("requests start meanwhile").isFalse();
        ProgressCommit commit = progress.commit(List.of());
        assertThat(commit.target().offset()).isEqualTo(12);
        progress.committed(commit);
        progress.skipTo(12);
        progress.skipTo(11);
        assertThat(progress.needsCommit()).isFalse();
        assertThat(progress.open(12)).isTrue();
    }

    @Test
    @DisplayName("Commits the end of finished requests that are read after the last open one was committed")
    void finishedBehindTheLastOpen() {
        PartitionProgress progress =
                restored(atCommit(10, LongStream.rangeClosed(11, 60).toArray()));
        progress.committed(progress.commit(List.of()));
        LongStream.rangeClosed(10, 41).forEach(progress::open);
        ProgressCommit commit = progress.commit(List.of(10L));
        assertThat(commit.target().offset()).isEqualTo(42);
        progress.committed(commit);
        assertThat(progress.needsCommit()).isFalse();
        LongStream.rangeClosed(42, 60)
                .forEach(each -> assertThat(progress.open(each)).isFalse());
        assertThat(progress.needsCommit()).isTrue();
        commit = progress.commit(List.of());
        assertThat(commit.target().offset()).isEqualTo(61);
        progress.committed(commit);
        assertThat(progress.needsCommit()).isFalse();
    }

    @Test
    @DisplayName("Does not open a request again that the metadata names as finished")
    void recovered() {
        PartitionProgress progress = restored(atCommit(10, 12, 14));
        assertThat(progress.open(10)).isTrue();
        assertThat(progress.open(12)).isFalse();
        assertThat(progress.open(13)).isTrue();
        assertThat(offset(progress, 10)).isEqualTo(13);
    }

    @Test
    @DisplayName(
            "Has no request twice, none lost and no lag, for random orders, gaps, skips, failed commits and restarts")
    void random() {
        Random random = new Random(7);
        for (int round = 0; round < 50; round++) {
            TreeSet<Long> offsets = new TreeSet<>();
            for (long offset = 0; offsets.size() < 200; offset += 1 + random.nextInt(3)) {
                offsets.add(offset);
            }
            TreeSet<Long> answered = new TreeSet<>();
            OffsetAndMetadata last = new OffsetAndMetadata(0, "");
            long end = offsets.last() + 1 + random.nextInt(3);
            while (last.offset() < end) {
                PartitionProgress progress = restored(last);
                List<Long> open = new ArrayList<>();
                Iterator<Long> unread = offsets.tailSet(last.offset()).iterator();
                long next = unread.hasNext() ? unread.next() : end;
                for (int i = 0; i < 20; i++) {
                    for (int reads = random.nextInt(20); reads > 0 && open.size() < 20 && next < end; reads--) {
                        if (progress.open(next)) {
                            open.add(next);
                        }
                        next = unread.hasNext() ? unread.next() : end;
                    }
                    if (random.nextInt(3) == 0) {
                        progress.skipTo(next);
                    }
                    List<Long> ending =
                            open.stream().filter(each -> random.nextInt(3) == 0).toList();
                    ProgressCommit commit = progress.commit(ending);
                    if (random.nextInt(4) > 0) {
                        progress.committed(commit);
                        open.removeAll(ending);
                        ending.forEach(each -> assertThat(answered.add(each)).isTrue());
                        last = commit.target();
                    }
                    assertThat(progress.openRequests()).isEqualTo(open.size());
                }
            }
            assertThat(answered).isEqualTo(offsets);
        }
    }

    @Test
    @DisplayName("Is full before a finished request is too far from the oldest open one for the metadata")
    void window() {
        PartitionProgress progress = at(0);
        long offset = 0;
        while (!progress.isWindowFull()) {
            progress.open(offset++);
        }
        assertThat(progress.fits(offset - 1)).isTrue();
        assertThat(offset(progress, offset - 1)).isZero();
        progress.open(CommitMetadata.MAX_FINISHED);
        assertThat(progress.fits(CommitMetadata.MAX_FINISHED)).isFalse();
    }

    @Test
    @DisplayName("After a commit of unknown outcome, ends the requests that the broker names as finished")
    void reconciled() {
        PartitionProgress progress = at(10);
        List.of(10L, 11L, 12L, 13L).forEach(progress::open);
        OffsetAndMetadata unknown = progress.commit(List.of(10L, 12L)).target();
        assertThat(progress.reconcile(unknown)).containsExactlyInAnyOrder(10L, 12L);
        assertThat(offset(progress)).isEqualTo(11);
        assertThat(offset(progress, 11, 13)).isEqualTo(14);
    }

    @Test
    @DisplayName("Names its worker until it is released")
    void owner() {
        PartitionProgress progress = at(10);
        assertThat(owner(progress)).contains("worker");
        progress.release();
        assertThat(owner(progress)).isEmpty();
    }

    @Test
    @DisplayName("Is idle until the request that runs alone is named, so that an earlier death does not count for it")
    void idle() {
        CrashHistory alone = CrashHistory.NONE.afterDeath(10, 13).afterDeath(10, 13);
        CommitMetadata named = Deliveries.metadata(Optional.empty(), false, alone.trying(10), new BitSet());
        PartitionProgress progress = new PartitionProgress(PARTITION, Deliveries.PROCESS, 10, named);
        progress.open(10);
        assertThat(metadata(progress).idle()).isTrue();
        progress.tryAlone(10);
        assertThat(metadata(progress).idle()).isFalse();
        assertThat(metadata(progress).crashes().isTrying(10)).isTrue();
    }

    private static CommitMetadata metadata(PartitionProgress progress) {
        return CommitMetadata.of("requests-0", progress.commit(List.of()).target());
    }

    /** The offset to commit when requests end. */
    private static long offset(PartitionProgress progress, long... ending) {
        return progress.commit(LongStream.of(ending).boxed().toList()).target().offset();
    }

    private static Optional<String> owner(PartitionProgress progress) {
        return CommitMetadata.of("requests-0", progress.commit(List.of()).target())
                .owner();
    }

    private static PartitionProgress at(long committed) {
        return restored(new OffsetAndMetadata(committed, ""));
    }

    private static OffsetAndMetadata atCommit(long committed, long... finished) {
        BitSet bits = new BitSet();
        for (long each : finished) {
            bits.set((int) (each - committed));
        }
        return new OffsetAndMetadata(
                committed,
                Deliveries.metadata(Optional.empty(), false, CrashHistory.NONE, bits)
                        .toString());
    }

    private static PartitionProgress restored(OffsetAndMetadata commit) {
        CommitMetadata metadata = CommitMetadata.of("requests-0", commit);
        return new PartitionProgress(PARTITION, Deliveries.PROCESS, commit.offset(), metadata);
    }

    private static List<Long> finished(OffsetAndMetadata commit) {
        return CommitMetadata.of("requests-0", commit).finished().stream()
                .mapToObj(bit -> commit.offset() + bit)
                .toList();
    }
}
