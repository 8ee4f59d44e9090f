package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs the script of the init container with a program in place of rclone that copies from a folder. */
@DisplayName("The script that copies models from object storage")
class CopyModelsTest {

    private static final Path SCRIPT =
            Path.of("k8s/components/models/object-storage/copy-models.sh").toAbsolutePath();
    /** As rclone: copies the listed files that exist, and reports no missing ones. */
    private static final String RCLONE = """
            #!/bin/sh
            set -eu
            [ "$1 $2" = "copy --files-from-raw" ]
            list=$3
            while [ $# -gt 2 ]; do shift; done
            while IFS= read -r file; do
              [ -f "$1/$file" ] || continue
              mkdir -p "$(dirname "$2/$file")"
              cp "$1/$file" "$2/$file"
            done <"$list"
            """;

    @TempDir
    private Path work;

    private Path source;
    private Path target;
    private Path digests;

    @BeforeEach
    void createModel() throws Exception {
        source = work.resolve("source");
        target = Files.createDirectory(work.resolve("target"));
        digests = work.resolve("SHA256SUMS");
        Path program = Files.createDirectory(work.resolve("bin")).resolve("rclone");
        Files.writeString(program, RCLONE);
        assertThat(program.toFile().setExecutable(true)).isTrue();
        write("base/config.json", "{}");
        write("base/model.safetensors", "weights");
        write("adapters/my adapter/adapter_config.json", "{}");
        Files.writeString(
                digests,
                line("base/config.json")
                        + line("base/model.safetensors")
                        + line("adapters/my adapter/adapter_config.json"));
    }

    @Test
    @DisplayName("Copies the listed files and no others")
    void copies() throws Exception {
        write("base/unlisted.json", "{}");
        assertThat(run()).isZero();
        assertThat(copied())
                .containsExactly(
                        "adapters/my adapter/adapter_config.json", "base/config.json", "base/model.safetensors");
    }

    @Test
    @DisplayName("Creates the folder of the adapters if the model has none")
    void createsAdapterFolder() throws Exception {
        Files.writeString(digests, line("base/config.json"));
        assertThat(run()).isZero();
        assertThat(target.resolve("adapters")).isEmptyDirectory();
    }

    @Test
    @DisplayName("Fails and leaves no file if one differs, and succeeds when the file is right again")
    void differs() throws Exception {
        write("base/model.safetensors", "other weights");
        assertThat(run()).isEqualTo(1);
        assertThat(copied()).isEmpty();
        write("base/model.safetensors", "weights");
        assertThat(run()).isZero();
    }

    @Test
    @DisplayName("Fails if a listed file is missing")
    void missing() throws Exception {
        Files.delete(source.resolve("base/model.safetensors"));
        assertThat(run()).isEqualTo(1);
    }

    @ParameterizedTest
    @DisplayName("Refuses a list without digests, or with a path outside the target")
    @ValueSource(
            strings = {"", "base/config.json\n", "DIGEST  /etc/passwd\n", "DIGEST  ../x\n", "DIGEST  base/../../x\n"})
    void refuses(String list) throws Exception {
        Files.writeString(digests, list.replace("DIGEST", "0".repeat(64)));
        assertThat(run()).isEqualTo(1);
        assertThat(copied()).isEmpty();
    }

    private int run() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
                        "/bin/sh", SCRIPT.toString(), digests.toString(), source.toString(), target.toString())
                .redirectErrorStream(true)
                .redirectOutput(work.resolve("log").toFile());
        builder.environment().merge("PATH", work.resolve("bin").toString(), (path, bin) -> bin + ":" + path);
        Process process = builder.start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    private void write(String name, String text) throws IOException {
        Path file = source.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private String line(String name) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256")
                .digest(Files.readString(source.resolve(name)).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest) + "  " + name + "\n";
    }

    private List<String> copied() throws IOException {
        try (Stream<Path> files = Files.walk(target)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> target.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }
}
