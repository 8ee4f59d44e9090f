package io.tidemark.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.cli.CommandLineRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Bench calibration")
class BenchCalibrationTest {

    @Test
    @DisplayName("The tables have a row for each world and objective, and recorded scores add theirs")
    void tables(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Files.writeString(scores, "mine,-1,-1.1,-1.2\n".repeat(40));
        CommandLineRun run = CommandLineRun.of("bench", "calibration", "--streams", "1", "--scores", scores.toString());
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines())
                .anyMatch(line -> line.startsWith("every cut loses 0.021") && line.contains("balanced"))
                .anyMatch(line -> line.startsWith("0.1 gain to 0.1 loss") && line.contains("latency"))
                .anyMatch(line -> line.startsWith("mine ") && line.endsWith(" 0:20"));
        CommandLineRun without = CommandLineRun.of("bench", "calibration", "--streams", "1");
        assertThat(without.out()).doesNotContain("recorded");
    }

    @Test
    @DisplayName("The tables in docs/calibration.md have the rows and the columns of the command")
    void documentedTables() throws Exception {
        List<String> page = Files.readAllLines(Path.of("docs/calibration.md"));
        CommandLineRun run = CommandLineRun.of("bench", "calibration", "--streams", "1");
        List<String> lines = run.out().lines().filter(line -> !line.isBlank()).toList();
        assertThat(lines.stream().filter(line -> line.startsWith("world")))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(page).contains(line));
        assertThat(lines.stream().filter(line -> line.contains(" balanced ") || line.contains(" latency ")))
                .hasSizeGreaterThan(40)
                .allSatisfy(line -> assertThat(page).anyMatch(row -> row.startsWith(line.substring(0, 48))));
    }

    @Test
    @DisplayName("Pictures have a line for each rule")
    void pictures(@TempDir Path folder) throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "bench", "calibration", "--streams", "2", "--objective", "balanced", "--pictures", folder.toString());
        assertThat(run.exitCode()).isZero();
        for (String name : List.of("calibration-harm.svg", "calibration-moves.svg")) {
            assertThat(Files.readString(folder.resolve(name)).lines().filter(line -> line.startsWith("<polyline")))
                    .hasSize(3);
        }
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "--streams 0",
                "--batches 8-4",
                "--batches x",
                "--objective best",
                "--margin 1",
                "--alpha 2",
                "--unit token",
                "--candidates 1",
                "--candidates 3,31",
                "--epoch-examples 5000"
            })
    @DisplayName("Wrong values exit with 2 and one line")
    void wrongValues(String line) {
        CommandLineRun run = CommandLineRun.of(("bench calibration " + line).split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(List.of(run.err().split("\\R"))).hasSizeLessThanOrEqualTo(3);
    }

    @Test
    @DisplayName("Equal scores have equal decisions, and a shift of one boundary is shown with its size")
    void comparison(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Path others = folder.resolve("others.csv");
        Files.writeString(scores, "mine,-1,-1.1,-1.2\n".repeat(40) + "left-out,-1,-2\n");
        Files.writeString(others, "mine,-1,-1.05,-1.2\n".repeat(48) + "new,-1,-2\nother,-1,-2\n");
        CommandLineRun run = CommandLineRun.of(
                "bench", "calibration", "--scores", scores.toString(), "--against", others.toString());
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).doesNotContain("Regret");
        assertThat(run.out().lines())
                .contains("only in the first scores: left-out", "only in the second scores: new, other");
        assertThat(run.out().lines().filter(line -> line.startsWith("mine ")))
                .hasSize(2)
                .extracting(line -> line.replaceAll(" +", " "))
                .allMatch(line -> line.endsWith("40 1 -0.0500 +- 0.0000 0.0000 100.0% 20 of 20 0:20 0:20"));
    }

    @Test
    @DisplayName("Scores that gain and scores that lose have different decisions")
    void differentDecisions(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Path others = folder.resolve("others.csv");
        Files.writeString(scores, "mine,-1,-1.1,-1.2\n".repeat(40));
        Files.writeString(others, "mine,-1.4,-1.3,-1.2\n".repeat(40));
        CommandLineRun run = CommandLineRun.of(
                "bench", "calibration", "--scores", scores.toString(), "--against", others.toString());
        assertThat(run.out().lines().filter(line -> line.startsWith("mine ")))
                .allMatch(line -> line.contains("0 of 20  0:20") && line.endsWith(" 2:20"));
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', textBlock = """
            mine,-1,-2,-3 | the first scores of 'mine' are at 2 boundaries, and the second ones at 3
            mine,-1,-2    | a comparison of 'mine' needs two examples or more in both files
            """)
    @DisplayName("Scores that can't be compared are refused with the name of the adapter")
    void incomparable(String other, String message, @TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Path others = folder.resolve("others.csv");
        Files.writeString(scores, "mine,-1,-1.1\n".repeat(40));
        Files.writeString(others, other + "\n");
        CommandLineRun run = CommandLineRun.of(
                "bench", "calibration", "--scores", scores.toString(), "--against", others.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains(message);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"--pictures=drawn", "--candidates=3,4"})
    @DisplayName("A comparison that can't have what an option asks for is a wrong command")
    void comparisonWithOtherOutput(String option, @TempDir Path folder) throws Exception {
        String scores = Files.writeString(folder.resolve("scores.csv"), "mine,-1,-1.1\n".repeat(40))
                .toString();
        CommandLineRun run = CommandLineRun.of("bench", "calibration", "--scores", scores, "--against", scores, option);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(option.replaceAll("--|=.*", ""));
    }

    @Test
    @DisplayName("A comparison without the first scores is a wrong command")
    void comparisonOfNothing(@TempDir Path folder) {
        CommandLineRun run = CommandLineRun.of(
                "bench",
                "calibration",
                "--against",
                folder.resolve("others.csv").toString());
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--against needs --scores");
    }

    @Test
    @DisplayName("A broken file of scores is refused with its line")
    void brokenScores(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Files.writeString(scores, "mine,-1,x\n");
        CommandLineRun run = CommandLineRun.of("bench", "calibration", "--scores", scores.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("line 1: 'x' is not a number");
    }
}
