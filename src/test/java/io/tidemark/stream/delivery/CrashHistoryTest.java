package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The deaths of a partition's owners")
class CrashHistoryTest {

    private static final int WINDOW = 3;

    @Test
    @DisplayName("Make requests run alone after two deaths at the same committed offset")
    void sameOffset() {
        CrashHistory once = CrashHistory.NONE.afterDeath(10, WINDOW);
        assertThat(once.isIsolating()).isFalse();
        assertThat(once.afterDeath(10, WINDOW).isIsolating()).isTrue();
    }

    @Test
    @DisplayName("Start again from one after progress of the committed offset")
    void progress() {
        CrashHistory history = CrashHistory.NONE;
        for (int offset = 10; offset < 20; offset++) {
            history = history.afterDeath(offset, WINDOW);
        }
        assertThat(history.isIsolating()).isFalse();
        assertThat(history.deaths()).isOne();
    }

    @Test
    @DisplayName("Name the request that was running alone at two deaths, and no request before")
    void culprit() {
        CrashHistory alone = CrashHistory.NONE.afterDeath(10, WINDOW).afterDeath(10, WINDOW);
        CrashHistory trying = alone.trying(10);
        assertThat(trying.isCrashing(10)).isFalse();
        assertThat(trying.afterDeath(10, WINDOW).isCrashing(10)).isFalse();
        CrashHistory twice = trying.afterDeath(10, WINDOW).afterDeath(10, WINDOW);
        assertThat(twice.isCrashing(10)).isTrue();
        assertThat(twice.isCrashing(11)).isFalse();
    }

    @Test
    @DisplayName("Are forgotten when the requests of the window have run alone")
    void window() {
        CrashHistory history = CrashHistory.NONE.afterDeath(10, WINDOW).afterDeath(10, WINDOW);
        for (int offset = 10; offset < 10 + WINDOW; offset++) {
            assertThat(history.isIsolating()).isTrue();
            history = history.trying(offset).finished(offset);
        }
        assertThat(history).isEqualTo(CrashHistory.NONE);
    }

    @Test
    @DisplayName("Without a named request, as between two requests, count for no request")
    void betweenRequests() {
        CrashHistory alone = CrashHistory.NONE.afterDeath(10, WINDOW).afterDeath(10, WINDOW);
        CrashHistory later = alone.trying(10).finished(10).afterDeath(11, WINDOW);
        assertThat(later.isIsolating()).isTrue();
        assertThat(later.tries()).isZero();
    }
}
