package io.tidemark.stream.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Writer of worker states")
class WorkerStateWriterTest {

    @Test
    @DisplayName("A state with few names has all of them: failed ones first, then those without files, each by name")
    void order() {
        WorkerStateRecord read = encoded(List.of(
                adapter("c", State.LOADED),
                adapter("b", State.READY),
                adapter("z", State.FAILED),
                adapter("y", State.FETCHING),
                adapter("a", State.ALIAS)));
        assertThat(read.adapters().stream().map(Adapter::name)).containsExactly("z", "y", "a", "b", "c");
        assertThat(read.omitted()).isZero();
    }

    @Test
    @DisplayName("A state of 5,000 names has as many as fit into 64 KiB, failed ones among them, and counts the others")
    void truncated() {
        List<Adapter> adapters = IntStream.range(0, 5_000)
                .mapToObj(i -> adapter("adapter-" + i, i % 100 == 0 ? State.FAILED : State.READY))
                .collect(Collectors.toCollection(ArrayList::new));
        byte[] value = WorkerStateWriter.encoded(record(adapters));
        assertThat(value.length).isBetween(WorkerStateRecord.MAX_BYTES * 9 / 10, WorkerStateRecord.MAX_BYTES);
        WorkerStateRecord read = TopicJson.read(value, WorkerStateRecord.class);
        assertThat(read.adapters().size() + read.omitted()).isEqualTo(5_000);
        assertThat(read.adapters().stream().filter(each -> each.state() == State.FAILED))
                .hasSize(50);
    }

    private static WorkerStateRecord encoded(List<Adapter> adapters) {
        return TopicJson.read(WorkerStateWriter.encoded(record(adapters)), WorkerStateRecord.class);
    }

    private static WorkerStateRecord record(List<Adapter> adapters) {
        return new WorkerStateRecord(
                "w",
                "worker",
                "1",
                new WorkerStateRecord.Base("base", "0".repeat(64), 512, 6, "fp32", "torch"),
                Instant.EPOCH,
                7,
                adapters,
                0);
    }

    private static Adapter adapter(String name, State state) {
        return new Adapter(
                name,
                state,
                Optional.of("1".repeat(64)),
                OptionalLong.of(3),
                Optional.empty(),
                OptionalInt.of(6),
                state == State.FAILED ? Optional.of("wrong_digest") : Optional.empty(),
                Optional.empty());
    }
}
