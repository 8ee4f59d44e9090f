package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.CancellationMessage;
import io.tidemark.message.Provenance.Source;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Recent cancellations")
class RecentCancellationsTest {

    private static final long HOUR = 3_600_000;

    private final RecentCancellations cancellations = new RecentCancellations(3);

    @Test
    @DisplayName("By id apply to requests whose record is not newer")
    void applyToOlderRequests() {
        add("a", 100);
        assertThat(covers("a", 99)).isTrue();
        assertThat(covers("a", 100)).isTrue();
        assertThat(covers("a", 101)).isFalse();
        assertThat(covers("b", 99)).isFalse();
    }

    @Test
    @DisplayName("By source apply to the one record that they name")
    void bySource() {
        cancellations.add(CancellationMessage.ofSource(new Source("requests", 2, 7)), 100);
        assertThat(covers("a", new Source("requests", 2, 7), 101)).isTrue();
        assertThat(covers("a", new Source("requests", 2, 8), 99)).isFalse();
        assertThat(covers("a", new Source("requests", 1, 7), 99)).isFalse();
    }

    @Test
    @DisplayName("Are evicted oldest first, and a repeated cancellation counts as new")
    void areBounded() {
        for (String id : new String[] {"a", "b", "c", "a", "d"}) {
            add(id, 100);
        }
        assertThat(covers("b", 1)).isFalse();
        assertThat(covers("a", 1)).isTrue();
        assertThat(covers("c", 1)).isTrue();
        assertThat(covers("d", 1)).isTrue();
    }

    @Test
    @DisplayName("Expire when one is added whose record is more than an hour newer, in whatever order they are read")
    void expire() {
        add("a", 100);
        add("b", 200);
        add("c", 100 + HOUR);
        assertThat(covers("a", 1)).isTrue();
        add("d", 150 + HOUR);
        assertThat(covers("a", 1)).isFalse();
        assertThat(covers("b", 1)).isTrue();
        add("late", 100);
        assertThat(covers("late", 1)).isFalse();
    }

    @Test
    @DisplayName("Keep the newest record of an id, although an older one is read later")
    void keepTheNewest() {
        add("a", 500);
        add("a", 400);
        assertThat(covers("a", 450)).isTrue();
    }

    private void add(String id, long timestamp) {
        cancellations.add(CancellationMessage.ofId(id), timestamp);
    }

    private boolean covers(String id, long timestamp) {
        return covers(id, new Source("requests", 0, 0), timestamp);
    }

    private boolean covers(String id, Source source, long timestamp) {
        return cancellations.covers(
                id,
                RequestFixtures.received(
                        source,
                        Optional.empty(),
                        0,
                        timestamp,
                        1,
                        0,
                        RequestRunnerFixture.target(Optional.empty(), List.of())));
    }
}
