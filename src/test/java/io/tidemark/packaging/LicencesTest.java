package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The licences")
class LicencesTest {

    /** SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt. */
    private static final String APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30";

    private static final Path DEMO = Path.of("demo");
    private static final Path RESOURCES = Path.of("src/test/resources");
    private static final Pattern ROW =
            Pattern.compile("^\\| `(?<folder>[^`]+)` \\| (?<from>[^|]+) \\| (?<licence>[^|]+) \\|$", Pattern.MULTILINE);

    @Test
    @DisplayName("Are the unchanged text of the Apache License 2.0, which pom.xml and README.md name")
    void projectLicence() throws IOException, NoSuchAlgorithmException {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(Path.of("LICENSE")));
        assertThat(HexFormat.of().formatHex(digest)).isEqualTo(APACHE_2);
        assertThat(Files.readString(Path.of("pom.xml"))).contains("<name>Apache-2.0</name>");
        assertThat(Files.readString(Path.of("README.md")))
                .contains("[Apache License 2.0](LICENSE)", "[NOTICE](NOTICE)");
    }

    @Test
    @DisplayName("Of the demo's data, model and adapters are named with their source in each folder and in NOTICE")
    void demo() throws IOException {
        assertThat(folders(DEMO)).contains("data", "model", "adapters");
        for (String folder : folders(DEMO)) {
            Path statement = DEMO.resolve(folder).resolve("LICENSE");
            assertThat(statement).isRegularFile();
            assertThat(Files.readAllLines(statement))
                    .as(statement.toString())
                    .anyMatch(line -> line.matches("Source: https://.+"))
                    .anyMatch(line -> line.matches("Licence: .+, https://.+"));
            assertThat(notice()).contains("demo/" + folder);
        }
    }

    @Test
    @DisplayName("Of test resources have a row for each folder, and NOTICE names those of others")
    void testResources() throws IOException {
        SortedMap<String, String> licences = new TreeMap<>();
        Matcher row = ROW.matcher(Files.readString(RESOURCES.resolve("README.md")));
        while (row.find()) {
            licences.put(row.group("folder"), row.group("licence"));
        }
        assertThat(licences.keySet()).containsExactlyElementsOf(folders(RESOURCES));
        assertThat(licences.get("crds")).isEqualTo("Apache License 2.0");
        for (String folder : licences.keySet()) {
            if (!licences.get(folder).equals("Tidemark's")) {
                assertThat(notice()).contains(RESOURCES + "/" + folder);
            }
        }
    }

    @Test
    @DisplayName("Of custom resource definitions are named with the repository of each file")
    void definitions() throws IOException {
        Path folder = RESOURCES.resolve("crds");
        String statement = Files.readString(folder.resolve("README.md"));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".json")))
                    .isNotEmpty()
                    .allMatch(name -> statement.contains("`" + name + "`"));
        }
    }

    @Test
    @DisplayName("Are in the archive")
    void archive() throws IOException {
        assertThat(Files.readString(Path.of("src/main/assembly/archive.xml")))
                .contains("<include>LICENSE</include>", "<include>NOTICE</include>", "<include>demo/**</include>");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Are in the images")
    void images(String name) throws IOException {
        assertThat(Files.readString(Path.of("docker", name)))
                .contains("COPY LICENSE NOTICE /opt/tidemark/\n", "cp -a bin LICENSE NOTICE /release ");
    }

    private static String notice() throws IOException {
        return Files.readString(Path.of("NOTICE"));
    }

    /** The names of the folders in a folder, sorted. */
    private static List<String> folders(Path parent) throws IOException {
        try (Stream<Path> children = Files.list(parent)) {
            return children.filter(Files::isDirectory)
                    .map(child -> child.getFileName().toString())
                    .sorted()
                    .toList();
        }
    }
}
