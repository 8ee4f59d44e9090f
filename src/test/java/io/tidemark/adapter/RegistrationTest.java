package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("an adapter that may be asked for")
class RegistrationTest {

    @Test
    @DisplayName("forgets why a load failed after half a minute, so that a mended folder needs no restart")
    void forgetsFailures() {
        Registration adapter = new Registration("a", Path.of("folder"), 1);
        adapter.refused(AdapterRefused.broken(Path.of("folder"), "is broken"), 1_000);
        assertThat(adapter.refusedSince(1_000)).isPresent();
        assertThat(adapter.refusedSince(1_001)).isEmpty();
    }
}
