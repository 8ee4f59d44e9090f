package io.tidemark.benchmark.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.calibration.rule.BatchCount;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.BoundaryScores;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.PartitionStates;
import io.tidemark.calibration.rule.RuleDecision;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.calibration.rule.ScoredBatch;
import io.tidemark.cli.TidemarkCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Benchmarks of a model")
class BenchCommandTest {

    private static final String MODEL = "--model ../demo/model --threads 1 ";
    private static final String DATA =
            MODEL + "--adapter ../demo/adapters/describe --data ../demo/data/describe-validation.jsonl ";

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "compute-types",
                "decode",
                "adapters",
                "generate",
                "interference",
                "sweep",
                "scores",
                "scaling",
                "calibration"
            })
    @DisplayName("The help of each has its usage and an example")
    void help(String command) {
        CommandLineRun help = CommandLineRun.of(command + " --help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.out())
                .contains("Usage: bench/bench " + command, "Example")
                .contains("  bench/bench " + command);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"nonsense", "decode", "sweep --model m", "decode --model m --compute-type fp8"})
    @DisplayName("Wrong usage exits with 2, the problem, and no stack trace")
    void wrongUsage(String line) {
        CommandLineRun run = CommandLineRun.of(line);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err().lines().count()).isBetween(1L, 3L);
        assertThat(run.err()).startsWith("bench/bench").doesNotContain("\tat ");
    }

    @Test
    @DisplayName("A boundary that the model does not have is wrong usage")
    void boundaryOfNoLayer() {
        CommandLineRun run = CommandLineRun.of("generate " + MODEL + "--mixed 0 --boundary 9");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--boundary must be 0 to 8 for this model");
    }

    @Test
    @DisplayName("Too few examples are rejected before a model is loaded")
    void tooFewExamples() {
        CommandLineRun run =
                CommandLineRun.of("compute-types --model nowhere --adapter nowhere --data nowhere --examples 1");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--examples must be 2 or more");
    }

    @Test
    @DisplayName("sweep uses the examples and the sets of candidates that are asked for")
    void sweep() {
        assertThat(CommandLineRun.of("sweep " + DATA + "--examples 2 --repeat 1")
                        .out())
                .startsWith("2 examples, ");
        assertThat(CommandLineRun.of("sweep " + DATA + "--examples 2 --repeat 2 --candidates 3,33")
                        .out()
                        .lines())
                .anyMatch(line -> line.startsWith("3 boundaries  20 layer evaluations, "))
                .anyMatch(line -> line.startsWith("9 boundaries  44 layer evaluations, "));
        assertThat(CommandLineRun.of("sweep " + DATA + "--candidates 1").err())
                .contains("--candidates must be a number from 2 to ");
    }

    @Test
    @DisplayName("scores writes the scores of each example, whose mean is the curve of the sweep")
    void scores(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("scores.csv");
        assertThat(CommandLineRun.of("scores " + DATA + "--examples 18 --out " + file)
                        .exitCode())
                .isZero();
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(18);
        double mean = 0;
        for (String line : lines) {
            String[] values = line.split(",");
            assertThat(values).hasSize(10).startsWith("describe");
            mean += Double.parseDouble(values[9]) / lines.size();
        }
        String best = CommandLineRun.of(TidemarkCommand.commandLine(), "search " + DATA + "--examples 18 --choice best")
                .out();
        assertThat(best).contains(String.format(Locale.ROOT, "8: %.4f", mean));
        RuleDecision decision = decision(lines);
        assertThat(best)
                .contains(String.format(
                        Locale.ROOT,
                        "calibrator (balanced): boundary %d of 8 after 18 examples in 2 batches, reason %s; certified: ",
                        decision.inForce().boundary(),
                        decision.reason().label()));
    }

    /** What the rule decides on recorded scores in batches of 16. */
    private static RuleDecision decision(List<String> lines) {
        BoundaryRule rule = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("balanced"), 8);
        List<ScoredBatch.ScoredExample> examples = new ArrayList<>();
        List<Integer> all = IntStream.rangeClosed(0, 8).boxed().toList();
        for (String line : lines) {
            double[] values = Arrays.stream(line.split(","))
                    .skip(1)
                    .mapToDouble(Double::parseDouble)
                    .toArray();
            examples.add(new ScoredBatch.ScoredExample(
                    ExampleFilter.Bits.of((examples.size() + 1) * 0x0001000200030004L),
                    Optional.empty(),
                    BoundaryScores.of(all, values)));
        }
        BatchCount.Counted first = (BatchCount.Counted)
                rule.count(PartitionStates.empty(), 0, new ScoredBatch(examples.subList(0, 16), 0), InForce.none(8));
        BatchCount.Counted second = (BatchCount.Counted) rule.count(
                PartitionStates.empty().with(0, first.state()),
                0,
                new ScoredBatch(examples.subList(16, 18), 0),
                first.inForce());
        return second.decisions().get(0);
    }
}
