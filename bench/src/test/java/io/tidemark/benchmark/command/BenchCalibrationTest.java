package io.tidemark.benchmark.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Bench calibration")
class BenchCalibrationTest {

    @Test
    @DisplayName("The tables have a row for each world and objective, and recorded scores add theirs")
    void tables(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Files.writeString(scores, "mine,-1,-1.1,-1.2\n".repeat(40));
        CommandLineRun run = CommandLineRun.of("calibration --streams 1 --scores " + scores);
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines())
                .anyMatch(line -> line.startsWith("every cut loses 0.021") && line.contains("balanced"))
                .anyMatch(line -> line.startsWith("0.1 gain to 0.1 loss") && line.contains("latency"))
                .anyMatch(line -> line.startsWith("mine ") && line.endsWith(" 0:20"));
        CommandLineRun without = CommandLineRun.of("calibration --streams 1");
        assertThat(without.out()).doesNotContain("recorded");
    }

    @Test
    @DisplayName("The tables in docs/calibration.md have the rows and the columns of the command")
    void documentedTables() throws Exception {
        List<String> page = Files.readAllLines(Path.of("../docs/calibration.md"));
        CommandLineRun run = CommandLineRun.of("calibration --streams 1 --objective balanced");
        List<String> lines = run.out().lines().filter(line -> !line.isBlank()).toList();
        assertThat(lines.stream().filter(line -> line.startsWith("world")))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(page).contains(line));
        assertThat(lines.stream().filter(line -> line.contains(" balanced ")))
                .hasSizeGreaterThan(25)
                .allSatisfy(line -> assertThat(page).anyMatch(row -> row.startsWith(line.substring(0, 48))));
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
        CommandLineRun run = CommandLineRun.of("calibration " + line);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(List.of(run.err().split("\\R"))).hasSizeLessThanOrEqualTo(3);
    }

    @Test
    @DisplayName("A broken file of scores is refused with its line")
    void brokenScores(@TempDir Path folder) throws Exception {
        Path scores = folder.resolve("scores.csv");
        Files.writeString(scores, "mine,-1,x\n");
        CommandLineRun run = CommandLineRun.of("calibration --scores " + scores);
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("line 1: 'x' is not a number");
    }
}
