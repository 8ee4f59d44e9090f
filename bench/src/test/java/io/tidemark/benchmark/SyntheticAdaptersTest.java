package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Synthetic adapters")
class SyntheticAdaptersTest {

    @TempDir
    private Path temp;

    @Test
    @DisplayName("Synthetic adapters load, and the same seed writes the same bytes")
    void writesFolders() throws IOException {
        try (DemoModel demo = new DemoModel();
                AdapterStore store = new AdapterStore(demo.model())) {
            for (String name : new String[] {"one-a", "one-b", "two"}) {
                SyntheticAdapters.write(temp.resolve(name), demo.model().config(), 4, name.startsWith("one") ? 1 : 2);
                assertThat(store.load(name, temp.resolve(name)).digest()).hasSize(64);
            }
            assertThat(weights("one-a")).isEqualTo(weights("one-b")).isNotEqualTo(weights("two"));
        }
    }

    private byte[] weights(String name) throws IOException {
        return Files.readAllBytes(temp.resolve(name).resolve("adapter_model.safetensors"));
    }
}
