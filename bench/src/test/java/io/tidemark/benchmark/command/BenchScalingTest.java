package io.tidemark.benchmark.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Bench scaling")
class BenchScalingTest {

    @Test
    @DisplayName("The rows of the table in docs/scaling.md are those that the command prints")
    void documentedTable() throws Exception {
        String page = Files.readString(Path.of("../docs/scaling.md"));
        CommandLineRun run = CommandLineRun.of("scaling --signal lag=24@300,work=5+load=0.6");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines().filter(line -> !line.isBlank()))
                .hasSize(4)
                .allSatisfy(line -> assertThat(page.lines()).contains(line));
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"--signal cpu=3", "--signal lag", "--signal lag=x"})
    @DisplayName("Wrong values exit with 2 and one line")
    void wrongValues(String line) {
        CommandLineRun run = CommandLineRun.of("scaling " + line);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(List.of(run.err().split("\\R"))).hasSizeLessThanOrEqualTo(3);
    }
}
