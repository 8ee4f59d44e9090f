package io.tidemark.stream.delivery.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The deaths of a partition's owners")
class CrashHistoryTest {

    private static final CrashHistory TWICE =
            CrashHistory.NONE.afterDeath(10, 13).afterDeath(10, 13);

    @Test
    @DisplayName("Make the open requests run alone after two deaths at the same committed offset")
    void sameOffset() {
        CrashHistory once = CrashHistory.NONE.afterDeath(10, 13);
        assertThat(once.isIsolating()).isFalse();
        assertThat(once.afterDeath(10, 13)).isEqualTo(TWICE);
        assertThat(TWICE.isSuspect(12)).isTrue();
        assertThat(TWICE.isSuspect(13)).isFalse();
    }

    @Test
    @DisplayName("Make the requests run alone that were open at both, although others have ended between them")
    void progress() {
        CrashHistory history = CrashHistory.NONE.afterDeath(10, 42).afterDeath(17, 49);
        assertThat(history.deaths()).isEqualTo(2);
        assertThat(history.isSuspect(41)).isTrue();
        assertThat(history.isSuspect(42)).as("was not open at the first death").isFalse();
    }

    @Test
    @DisplayName("Start again from one if no request was open at both")
    void noneInCommon() {
        CrashHistory history = CrashHistory.NONE;
        for (int offset = 10; offset < 20; offset++) {
            history = history.afterDeath(offset, offset + 1);
        }
        assertThat(history.isIsolating()).isFalse();
        assertThat(history.deaths()).isOne();
    }

    @Test
    @DisplayName("Name the request that was running alone at two deaths, and no request before")
    void culprit() {
        CrashHistory trying = TWICE.trying(10);
        assertThat(trying.isCrashing(10)).isFalse();
        assertThat(trying.afterDeath(10, 13).isCrashing(10)).isFalse();
        CrashHistory twice = trying.afterDeath(10, 13).afterDeath(10, 13);
        assertThat(twice.isCrashing(10)).isTrue();
        assertThat(twice.isCrashing(11)).isFalse();
    }

    @Test
    @DisplayName("Are forgotten when all suspects have a result")
    void suspectsAnswered() {
        CrashHistory history = TWICE;
        for (int offset = 10; offset < 13; offset++) {
            assertThat(history.isSuspect(offset)).isTrue();
            history = history.trying(offset).finished(offset).committed(offset + 1);
        }
        assertThat(history).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Without a named request, as between two requests, count for no request")
    void betweenRequests() {
        CrashHistory later = TWICE.trying(10).finished(10).committed(11).afterDeath(11, 14);
        assertThat(later.isIsolating()).isTrue();
        assertThat(later.tries()).isZero();
    }

    @Test
    @DisplayName("Have as suspects the oldest requests without a result, as many as a worker runs")
    void running() {
        BitSet finished = new BitSet();
        finished.set(1, 5);
        assertThat(CrashHistory.endOfRunning(10, 100, finished, 3)).isEqualTo(17);
        assertThat(CrashHistory.endOfRunning(10, 16, finished, 3)).isEqualTo(16);
        assertThat(CrashHistory.endOfRunning(10, 15, finished, 3)).isEqualTo(11);
        assertThat(CrashHistory.endOfRunning(10, 10, new BitSet(), 3)).isEqualTo(10);
    }
}
