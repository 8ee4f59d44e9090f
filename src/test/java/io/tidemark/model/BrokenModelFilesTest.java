package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.Allocation;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.Mutations;
import io.tidemark.fixture.TensorFile;
import io.tidemark.torch.Torch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Broken model files")
@Timeout(300)
class BrokenModelFilesTest {

    private static final String FAMILY = "llama-gqa";
    /** Heap bytes for one file: twice the largest header and its names. */
    private static final long BUDGET = 192L << 20;

    @TempDir
    private Path temp;

    @Test
    @DisplayName("A safetensors file with random changes is read or refused by its path")
    void mutatedTensors() throws IOException {
        byte[] sound = Files.readAllBytes(Folders.model(FAMILY).resolve("model.safetensors"));
        Path file = temp.resolve("model.safetensors");
        int refused = 0;
        for (int seed = 0; seed < 800; seed++) {
            Files.write(file, new Mutations(seed).ofBytes(sound));
            refused += isRefused(seed, file, () -> SafetensorsFile.read(file)) ? 1 : 0;
        }
        assertThat(refused).isGreaterThan(400);
    }

    @Test
    @DisplayName("A config.json with random changes is read or refused by its path")
    void mutatedConfigs() throws IOException {
        byte[] sound = Files.readAllBytes(Folders.model("llama3-rope-tied").resolve("config.json"));
        Path file = temp.resolve("config.json");
        int refused = 0;
        for (int seed = 0; seed < 1500; seed++) {
            Mutations mutations = new Mutations(seed);
            Files.write(file, seed % 3 == 0 ? mutations.ofBytes(sound) : mutations.ofJson(sound));
            refused += isRefused(seed, file, () -> ModelConfig.read(temp)) ? 1 : 0;
        }
        assertThat(refused).isBetween(500, 1490);
    }

    @Test
    @DisplayName("A config.json that does not match the weights is refused by its path")
    void mismatchedConfigs() throws IOException {
        Path folder = Folders.copyOfModel(FAMILY, temp);
        byte[] sound = Files.readAllBytes(folder.resolve("config.json"));
        int tried = 0;
        try (Torch torch = Torch.open(FixtureModel.OPTIONS)) {
            for (int seed = 0; tried < 25; seed++) {
                Files.write(folder.resolve("config.json"), new Mutations(seed).ofJson(sound));
                if (!isRefused(seed, folder, () -> ModelConfig.read(folder))) {
                    tried++;
                    isRefused(
                            seed,
                            folder,
                            () -> LanguageModel.load(folder, "base", torch, FixtureModel.FP32)
                                    .close());
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "../model.safetensors",
                "/etc/passwd",
                "a/b.safetensors",
                "..",
                "",
                "a\\b.safetensors",
                "model.safetensors\u0000",
                "model.bin",
                "..safetensors/../x.safetensors",
                "%2e%2e%2fx.safetensors"
            })
    @DisplayName("A shard outside the folder is refused by its name")
    void shardsOutside(String shard) throws IOException {
        Path folder = Folders.copyOfModel(FAMILY, temp);
        Files.move(folder.resolve("model.safetensors"), temp.resolve("model.safetensors"));
        Folders.edit(
                Files.writeString(folder.resolve("model.safetensors.index.json"), "{}"),
                root -> root.putObject("weight_map").put("model.norm.weight", shard));
        assertThatThrownBy(() -> WeightFiles.read(folder))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("index.json");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"config.json", "generation_config.json", "model.safetensors"})
    @DisplayName("An empty file, or a folder in place of a file, is refused")
    void emptyOrFolders(String name) throws IOException {
        Path folder = Folders.copyOfModel(FAMILY, temp);
        Path file = folder.resolve(name);
        Files.write(file, new byte[0]);
        assertThatThrownBy(() -> read(folder))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(name);
        Files.delete(file);
        Files.createDirectory(file);
        if (!name.startsWith("generation")) {
            assertThatThrownBy(() -> read(folder))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining(name);
        }
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(name);
    }

    @Test
    @DisplayName("JSON with extreme nesting, duplicate fields or trailing text is refused")
    void oddJson() throws IOException {
        Path file = temp.resolve("config.json");
        for (String text : List.of(
                "{\"a\": ".repeat(200_000),
                "[".repeat(200_000),
                "{\"a\": 1, \"a\": 2}",
                "{} {}",
                "{\"a\": " + "9".repeat(100_000) + "}",
                "\u0000",
                "{\"a\": NaN}")) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> ModelConfig.read(temp))
                    .as(text.substring(0, Math.min(20, text.length())))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining("config.json")
                    .hasMessageContaining("is not JSON");
        }
    }

    @Test
    @DisplayName("A large broken config or header uses little memory")
    void largeFiles() throws IOException {
        Path config = temp.resolve("config.json");
        Files.writeString(config, "{\"a\": [" + "[],".repeat(3_000_000) + "0]}");
        assertThat(isRefused(0, config, () -> ModelConfig.read(temp))).isTrue();
        Path weights = temp.resolve("model.safetensors");
        StringBuilder many = new StringBuilder("{");
        for (int i = 0; many.length() < 15 << 20; i++) {
            many.append('"').append(i).append("\": {\"dtype\": \"F32\", \"shape\": [0], \"data_offsets\": [0, 0]},");
        }
        String nested = "{\"a\": " + "{\"a\": {},".repeat(1_500_000);
        String manyNumbers = "{\"a\": {\"shape\": [" + "1,".repeat(7_000_000) + "1]}}";
        String longName = "{\"" + "x".repeat(15 << 20) + "\": {}}";
        for (String header :
                List.of(many.substring(0, many.length() - 1) + ", \"z\": 1}", nested, manyNumbers, longName)) {
            TensorFile.writeRaw(weights, header, new byte[0]);
            assertThat(isRefused(0, weights, () -> SafetensorsFile.read(weights)))
                    .as(header.substring(0, 20))
                    .isTrue();
        }
        TensorFile.writeRaw(weights, 99_999_999, "{}".getBytes(StandardCharsets.UTF_8), new byte[0]);
        assertThat(isRefused(0, weights, () -> SafetensorsFile.read(weights))).isTrue();
    }

    private static void read(Path folder) {
        ModelConfig.read(folder);
        WeightFiles.read(folder);
    }

    /** Whether it was refused; another exception, or one without the file's name, fails the test. */
    private static boolean isRefused(int seed, Path file, Runnable reading) {
        boolean[] refused = new boolean[1];
        long bytes = Allocation.of(() -> {
            try {
                reading.run();
            } catch (InvalidModelException e) {
                assertThat(e.getMessage())
                        .as("seed %d", seed)
                        .contains(file.toString())
                        .hasSizeLessThan(2000);
                refused[0] = true;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + " of " + file, e);
            }
        });
        assertThat(bytes).as("heap used for seed %d", seed).isLessThan(BUDGET);
        return refused[0];
    }
}
