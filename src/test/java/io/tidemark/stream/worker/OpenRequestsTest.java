package io.tidemark.stream.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.worker.IncomingRequest.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class OpenRequestsTest {

    private static final Position PLACE = new Position(new TopicPartition("t", 0), 7);

    private final OpenRequests open = new OpenRequests();
    private final List<CompletableFuture<Void>> begun = new ArrayList<>();

    @Test
    @DisplayName(
            "a record that is read again while it is open begins no second run, and both readings wait for the first")
    void joins() {
        CompletableFuture<Void> first = open.join(PLACE, begun::add);
        CompletableFuture<Void> second = open.join(PLACE, begun::add);
        assertThat(begun).hasSize(1);
        begun.get(0).complete(null);
        assertThat(first).isDone();
        assertThat(second).isDone();
        assertThat(open.size()).isZero();
    }

    @Test
    @DisplayName("an answer that comes while the run begins leaves nothing open")
    void answeredAtOnce() {
        assertThat(open.join(PLACE, answered -> answered.complete(null))).isDone();
        assertThat(open.size()).isZero();
        assertThat(open.allAnswered()).isDone();
    }

    @Test
    @DisplayName("one id in two records names both runs until each has ended")
    void sameId() {
        open.started("id", "id@0-1");
        open.started("id", "id@0-2");
        assertThat(open.engineIds("id")).containsExactlyInAnyOrder("id@0-1", "id@0-2");
        open.ended("id", "id@0-1");
        assertThat(open.engineIds("id")).containsExactly("id@0-2");
        open.ended("id", "id@0-2");
        assertThat(open.engineIds()).isEmpty();
    }
}
