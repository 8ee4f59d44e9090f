package io.tidemark.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.cli.CommandLineRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Bench scaling")
class BenchScalingTest {

    @Test
    @DisplayName("The rows of the table in docs/scaling.md are those that the command prints")
    void documentedTable() throws Exception {
        String page = Files.readString(Path.of("docs/scaling.md"));
        CommandLineRun run = CommandLineRun.of("bench", "scaling", "--signal", "lag=24@300,work=5+load=0.6");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines().filter(line -> !line.isBlank()))
                .hasSize(4)
                .allSatisfy(line -> assertThat(page.lines()).contains(line));
    }

    @Test
    @DisplayName("JSON has an object for each signal with the state of each minute")
    void json() throws Exception {
        CommandLineRun run =
                CommandLineRun.of("bench", "scaling", "--hours", "0.5", "--signal", "replicas=2,work=5", "--json");
        JsonNode results = new ObjectMapper().readTree(run.out());
        assertThat(results).hasSize(2);
        assertThat(results.get(1).path("signal").asText()).isEqualTo("work=5");
        assertThat(results.get(0).path("replicaHours").asDouble()).isEqualTo(1);
        assertThat(results.get(0).path("minutes")).hasSize(30);
    }

    @Test
    @DisplayName("Pictures have a line for each kind of signal")
    void pictures(@TempDir Path folder) throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "bench",
                "scaling",
                "--hours",
                "0.5",
                "--signal",
                "replicas=2,lag=20,lag=40,work=5",
                "--pictures",
                folder.toString(),
                "--course",
                "5-25");
        assertThat(run.exitCode()).isZero();
        assertThat(lines(folder.resolve("scaling-trade-off.svg"))).isEqualTo(3);
        // the needed workers, and the first signal of the two kinds that scale
        assertThat(lines(folder.resolve("scaling-course.svg"))).isEqualTo(3);
    }

    private static long lines(Path picture) throws Exception {
        return Files.readString(picture)
                .lines()
                .filter(line -> line.startsWith("<polyline"))
                .count();
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "--signal cpu=3",
                "--signal lag",
                "--signal lag=x",
                "--partitions 0",
                "--throughput 8=410",
                "--max-replicas 0",
                "--hours 0",
                "--course 5"
            })
    @DisplayName("Wrong values exit with 2 and one line")
    void wrongValues(String line) {
        CommandLineRun run = CommandLineRun.of(("bench scaling " + line).split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(List.of(run.err().split("\\R"))).hasSizeLessThanOrEqualTo(3);
    }
}
