package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Allocation;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.Mutations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Broken adapter files")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
class BrokenAdapterFilesTest {

    private static final String FAMILY = "llama-gqa";
    private static final long BUDGET = 128L << 20;

    @TempDir
    private Path temp;

    private FixtureModel fixture;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load(FAMILY);
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"qv", "patterns", "regex"})
    @DisplayName("A randomly changed config is accepted, or refused with the folder's name")
    void mutatedConfigs(String adapter) throws IOException {
        Path folder = Folders.copyOfAdapter(FAMILY, adapter, temp.resolve("configs"));
        Path config = folder.resolve(AdapterReader.CONFIG);
        byte[] sound = Files.readAllBytes(config);
        int refused = 0;
        for (int seed = 0; seed < 200; seed++) {
            Mutations mutations = new Mutations(seed);
            Files.write(config, seed % 3 == 0 ? mutations.ofBytes(sound) : mutations.ofJson(sound));
            refused += isRefused(seed, folder) ? 1 : 0;
        }
        assertThat(refused).isBetween(30, 198);
    }

    @Test
    @DisplayName("A randomly changed weights file is accepted, or refused with the folder's name")
    void mutatedTensors() throws IOException {
        Path folder = Folders.copyOfAdapter(FAMILY, "qv", temp.resolve("tensors"));
        Path weights = folder.resolve(AdapterReader.WEIGHTS);
        byte[] sound = Files.readAllBytes(weights);
        int refused = 0;
        for (int seed = 0; seed < 200; seed++) {
            Files.write(weights, new Mutations(seed).ofBytes(sound));
            refused += isRefused(seed, folder) ? 1 : 0;
        }
        assertThat(refused).isGreaterThan(100);
    }

    @Test
    @DisplayName("Empty files, folders, deep nesting and duplicate keys are refused")
    void oddFiles() throws IOException {
        for (String name : List.of(AdapterReader.CONFIG, AdapterReader.WEIGHTS)) {
            Path folder = Folders.copyOfAdapter(FAMILY, "qv", temp.resolve("odd-" + name));
            Path file = folder.resolve(name);
            for (String text : List.of("", "[".repeat(100_000), "{\"r\": 1, \"r\": 2}", "{} {}", "null")) {
                Files.writeString(file, text);
                assertThat(isRefused(0, folder)).isTrue();
            }
            Files.delete(file);
            Files.createDirectory(file);
            assertThat(isRefused(0, folder)).isTrue();
        }
    }

    @Test
    @DisplayName("An expression with exponential backtracking, deep nesting or extreme length is refused")
    void expressions() throws IOException {
        Path folder = Folders.copyOfAdapter(FAMILY, "qv", temp.resolve("expressions"));
        Path config = folder.resolve(AdapterReader.CONFIG);
        byte[] sound = Files.readAllBytes(config);
        String endless = "(([a-z_.0-9])+)+\\2!";
        for (String expression :
                List.of(endless, "(".repeat(40_000) + "a" + ")".repeat(40_000), "(" + "a".repeat(5_000_000))) {
            Files.write(config, sound);
            Folders.edit(config, root -> root.put("target_modules", expression));
            assertThat(isRefused(0, folder)).as(expression.substring(0, 10)).isTrue();
            Files.write(config, sound);
            Folders.edit(config, root -> root.putObject("rank_pattern").put(expression, 4));
            assertThat(isRefused(1, folder)).as(expression.substring(0, 10)).isTrue();
        }
    }

    @Test
    @DisplayName("A refused adapter is not registered, and others can be")
    void refusedIsNotRegistered() throws IOException {
        Path broken = Folders.copyOfAdapter(FAMILY, "qv", temp.resolve("broken"));
        Files.writeString(broken.resolve(AdapterReader.CONFIG), "{");
        try (AdapterStore store = new AdapterStore(fixture.model())) {
            assertThatThrownBy(() -> store.register("broken", broken)).isInstanceOf(InvalidAdapterException.class);
            store.register("sound", Folders.adapter(FAMILY, "qv"));
            assertThat(store.ids()).containsExactly("sound");
            store.awaitLease("sound").close();
        }
    }

    /** Whether the folder is refused; any other exception, and a message without the folder's name, fails the test. */
    private boolean isRefused(int seed, Path folder) {
        boolean[] refused = new boolean[1];
        long bytes = Allocation.of(() -> {
            try {
                // as the worker does, but on this thread, so that its allocations are measured
                FolderLoader loader = new FolderLoader(fixture.model());
                loader.check(folder);
                loader.load("one", folder).weights().close();
            } catch (InvalidAdapterException e) {
                assertThat(e.getMessage())
                        .as("seed %d", seed)
                        .contains(folder.toString())
                        .hasSizeLessThan(2000);
                refused[0] = true;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + " of " + folder, e);
            }
        });
        assertThat(bytes).as("heap allocated for seed %d", seed).isLessThan(BUDGET);
        return refused[0];
    }
}
