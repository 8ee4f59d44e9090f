package io.tidemark.benchmark.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.rule.HarmTest;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Recorded scores")
class RecordedScoresTest {

    private static final String SCORES = "# adapter, boundaries 0 to L\na,-1,-2,-3\nb,-1,-2\n\na,-4,-5.5,-6\n";

    @TempDir
    private Path folder;

    @Test
    @DisplayName("A file is read as text and as gzip")
    void reads() throws Exception {
        Path plain = folder.resolve("scores.csv");
        Files.writeString(plain, SCORES);
        Path compressed = folder.resolve("scores.csv.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(compressed))) {
            out.write(SCORES.getBytes(StandardCharsets.UTF_8));
        }
        for (Path file : List.of(plain, compressed)) {
            Map<String, double[][]> scores = RecordedScores.read(file);
            assertThat(scores.keySet()).containsExactly("a", "b");
            assertThat(scores.get("a")).isDeepEqualTo(new double[][] {{-1, -2, -3}, {-4, -5.5, -6}});
            assertThat(scores.get("b")).isDeepEqualTo(new double[][] {{-1, -2}});
        }
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "a,-1|line 2: expected an adapter and two scores", "a,-1,x|line 2: 'x' is not a number",
                "a,-1,NaN|line 2: 'NaN' is not finite", "a,-1,-2,-3|line 2: 3 scores, but 2"
            })
    @DisplayName("An invalid line is refused with its number")
    void invalid(String line, String message) throws Exception {
        Path file = folder.resolve("scores.csv");
        Files.writeString(file, "a,-1,-2\n" + line + "\n");
        assertThatThrownBy(() -> RecordedScores.read(file)).hasMessageContaining(message);
    }

    @Test
    @DisplayName("A file without scores is refused")
    void empty() throws Exception {
        Path file = folder.resolve("scores.csv");
        Files.writeString(file, "# nothing\n");
        assertThatThrownBy(() -> RecordedScores.read(file)).hasMessageContaining("has no scores");
    }

    @Test
    @DisplayName("The means of recorded traffic are those of the recorded examples at the chosen boundaries")
    void means() {
        RecordedTraffic traffic =
                new RecordedTraffic(new double[][] {{-1, -2, -3, -1}, {-1, -2, -3, -5}}, List.of(0, 2, 3));
        assertThat(traffic.means()).containsExactly(new double[] {2, 0}, within(1e-12));
        assertThat(traffic.cappedMeans(new HarmTest(0.02, 1, 0.5)))
                .containsExactly(new double[] {0.25, -0.25}, within(1e-12));
        assertThat(traffic.shuffled(1, 5)).hasSize(2);
        assertThat(traffic.shuffled(1, 5).stream()
                        .mapToDouble(batch -> batch[0][0])
                        .sum())
                .isEqualTo(4);
    }
}
