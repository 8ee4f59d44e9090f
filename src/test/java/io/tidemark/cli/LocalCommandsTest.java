package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.cli.console.Progress;
import io.tidemark.cli.model.DeviceOptions;
import io.tidemark.message.EndingFields;
import io.tidemark.torch.Processors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

@DisplayName("Commands that run a model")
class LocalCommandsTest {

    private static final String MODEL = "--model demo/model --threads 1 ";
    private static final String DATA =
            MODEL + "--adapter demo/adapters/describe --data demo/data/describe-validation.jsonl ";

    @Test
    @DisplayName("generate uses the first adapter and prints the number of tokens")
    void generates() {
        CommandLineRun run = run(
                "generate " + MODEL + "--adapter describe=demo/adapters/describe --max-tokens 4 --prompt", "Facts:");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).isNotBlank();
        assertThat(run.err()).contains("4 tokens, ").contains("length");
    }

    @Test
    @DisplayName("generate replaces \\n in a prompt by a line break")
    void lineBreaks(@TempDir Path temp) throws IOException {
        Path file = Files.writeString(temp.resolve("prompt"), "one two\nthree");
        String generate = "generate " + MODEL + "--temperature 0 --max-tokens 8 ";
        String fromFile = run(generate + "--prompt-file", file.toString()).out();
        assertThat(run(generate + "--prompt", "one two\\nthree").out()).isEqualTo(fromFile);
        assertThat(run(generate + "--prompt", "one two three").out()).isNotEqualTo(fromFile);
    }

    @Test
    @DisplayName("generate takes one format at most, and checks it as a service does")
    void formats(@TempDir Path temp) throws IOException {
        assertThat(run("generate " + MODEL + "--prompt x --regex a --choice b").exitCode())
                .isEqualTo(2);
        Path schema = Files.writeString(temp.resolve("schema.json"), "[1]");
        CommandLineRun run = run("generate " + MODEL + "--prompt x --json-schema", schema.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("--json-schema: invalid_value: ", "structured_outputs.json");
        CommandLineRun missing = run("generate " + MODEL + "--prompt x --grammar", temp + "/none");
        assertThat(missing.exitCode()).isEqualTo(1);
        assertThat(missing.err()).contains("none cannot be read");
    }

    @Test
    @DisplayName("generate lists the adapters if --use names another one")
    void unknownAdapter() {
        CommandLineRun run =
                run("generate " + MODEL + "--adapter describe=demo/adapters/describe --use other --prompt x");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("no adapter 'other' among [describe]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "generate " + MODEL + "--prompt x --boundary 9",
                "evaluate " + DATA + "--validation demo/data/describe-validation.jsonl --boundary -1"
            })
    @DisplayName("A boundary that the model does not have is wrong usage")
    void boundaryOfNoLayer(String line) {
        CommandLineRun run = run(line);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--boundary must be 0 to 8 for this model");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-0.5", "2.1", "NaN", "0.5,3"})
    @DisplayName("A scale that is not above 0 and at most 2 is rejected before a model is loaded")
    void scaleOutOfRange(String scales) {
        CommandLineRun run =
                run("evaluate --model nowhere --adapter nowhere --data nowhere --validation nowhere --scale " + scales);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--scale must be numbers above 0 and at most 2, not [");
    }

    @ParameterizedTest
    @ValueSource(strings = {"search", "curve"})
    @DisplayName("Too few examples are rejected before a model is loaded")
    void tooFewExamples(String command) {
        CommandLineRun run = run(command + " --model nowhere --adapter nowhere --data nowhere --examples 1");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--examples must be 2 or more");
    }

    @Test
    @DisplayName("calibrate --plan --json prints one object, with the boundaries and what a move needs")
    void plan() throws IOException {
        CommandLineRun run = run("calibrate --plan --json --seed 1 --adapter describe --adapters demo/adapters"
                + " --data demo/data/describe-validation.jsonl " + MODEL);
        assertThat(run.exitCode()).as(run.err()).isZero();
        JsonNode plan = new ObjectMapper()
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .readTree(run.out());
        assertThat(plan.get("adapter").asText()).isEqualTo("describe");
        assertThat(plan.get("examples").asInt()).isEqualTo(32);
        assertThat(plan.get("boundaries")).hasSizeGreaterThan(2);
        assertThat(plan.get("boundaries").get(0).get("boundary").asInt()).isZero();
        assertThat(plan.get("probability").asDouble()).isBetween(0.0, 1.0);
    }

    @Test
    @DisplayName("The help of --examples has the default of the command")
    void examples() {
        assertThat(run("search --help").out()).contains("Use only the first N examples. Default: 32.");
    }

    @Test
    @DisplayName("An adapter is given as DIR or NAME=DIR everywhere, and both have the same output")
    void adapterNames() {
        String folder = "demo/adapters/describe";
        String generate = "generate " + MODEL + "--temperature 0 --max-tokens 4 --prompt Facts: --use ";
        CommandLineRun byFolder = run(generate + "describe --adapter " + folder);
        assertThat(byFolder.exitCode()).as(byFolder.err()).isZero();
        assertThat(run(generate + "a --adapter a=" + folder).out()).isEqualTo(byFolder.out());
    }

    @Test
    @DisplayName("generate without options samples with the defaults of a request record")
    void samplingDefaults() {
        String generate = "generate " + MODEL + "--prompt Facts: --max-tokens 8";
        assertThat(run(generate + " --temperature 1 --top-p 1").out())
                .isEqualTo(run(generate).out());
        assertThat(run("generate --help").out())
                .contains("Default: " + EndingFields.DEFAULT_MAX_TOKENS + ".")
                .contains("the most likely token. Default: 1.");
    }

    @Test
    @DisplayName("--threads 0 uses the processors of the CPU quota")
    void threads() {
        assertThat(threads("0")).isEqualTo(Processors.available());
        assertThat(threads("3")).isEqualTo(3);
        assertThat(run("generate --model nowhere --prompt p --threads -1").exitCode())
                .isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "generate " + MODEL + "--prompt x",
                "verify src/test/resources/models/llama-gqa",
                "search " + MODEL + "--adapter demo/adapters/describe --data demo/data/describe-validation.jsonl"
            })
    @DisplayName("--device names the device that computes; the error for one that libtorch cannot use names it")
    void device(String line) {
        CommandLineRun run = run(line + " --device cuda:7");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("device cuda:7 cannot be used");
    }

    @Test
    @DisplayName("--compute-type and --kernels are auto by default, and verify compares in fp32")
    void computeDefaults() {
        Map<String, String> types = new TreeMap<>();
        defaults(TidemarkCommand.commandLine(), "--compute-type", types);
        assertThat(types.remove("tidemark verify")).isEqualTo("fp32");
        assertThat(types.remove("tidemark serve")).isEqualTo("of the setting");
        assertThat(types)
                .containsKeys("tidemark generate", "tidemark evaluate", "tidemark search")
                .allSatisfy((command, type) -> assertThat(type).as(command).isEqualTo("auto"));
        Map<String, String> kernels = new TreeMap<>();
        defaults(TidemarkCommand.commandLine(), "--kernels", kernels);
        assertThat(kernels.remove("tidemark serve")).isEqualTo("of the setting");
        assertThat(kernels)
                .containsKey("tidemark verify")
                .allSatisfy((command, choice) -> assertThat(choice).as(command).isEqualTo("auto"));
    }

    private static void defaults(CommandLine command, String option, Map<String, String> found) {
        OptionSpec spec = command.getCommandSpec().findOption(option);
        if (spec != null) {
            String value = spec.typeInfo().isOptional() ? "of the setting" : spec.defaultValueString();
            found.put(command.getCommandSpec().qualifiedName(), value);
        }
        command.getSubcommands().values().forEach(sub -> defaults(sub, option, found));
    }

    @Test
    @DisplayName("verify compares in fp32 by default and names the type; in int8 it gives the errors without a verdict")
    void verifies() {
        String verify = "verify --threads 1 --model src/test/resources/models/llama-gqa "
                + "--adapter src/test/resources/models/llama-gqa/adapters/qv";
        CommandLineRun exact = run(verify);
        assertThat(exact.exitCode()).isZero();
        assertThat(exact.out())
                .contains(
                        "  ok    logits ",
                        "calibrator (balanced): boundary ",
                        "1 compared, 0 off, 0 unsupported; fp32, kernels: torch");
        CommandLineRun rounded = run(verify + " --compute-type int8 --kernels torch");
        assertThat(rounded.exitCode()).isZero();
        assertThat(rounded.out()).contains("  int8  logits ", "1 compared, 0 off, 0 unsupported; int8, kernels: torch");
    }

    private static int threads(String value) {
        DeviceOptions option = new DeviceOptions();
        CommandSpec spec = CommandSpec.create().addMixin("threads", CommandSpec.forAnnotatedObject(option));
        new CommandLine(spec).parseArgs("--threads", value);
        return option.torch().threads();
    }

    @Test
    @DisplayName("search and evaluate draw a progress bar on stderr only if it is a terminal")
    void progressBars() {
        String search = "search " + DATA + "--examples 2 --choice best";
        assertThat(run(search).err()).doesNotContain("\r");
        String evaluate = "evaluate " + DATA + "--validation demo/data/describe-validation.jsonl --examples 2 "
                + "--validation-examples 2 --generate 2 --max-tokens 2 --speed-runs 0";
        assertThat(run(evaluate).err()).doesNotContain("\r").contains("texts generated, base model");
        System.setProperty(Progress.TERMINAL, "true");
        try {
            CommandLineRun bar = run(search);
            assertThat(bar.err()).contains("\rboundaries");
            assertThat(bar.out()).contains("best: boundary ").doesNotContain("\r");
            assertThat(run(evaluate).err()).contains("\rpercent", "100%");
        } finally {
            System.clearProperty(Progress.TERMINAL);
        }
    }

    @Test
    @DisplayName("search prints a boundary for each choice, and the calibrator's decision")
    void searches() {
        CommandLineRun run = run("search " + DATA + "--examples 3 --choice best,no_worse_than_full");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("best: boundary ", "no_worse_than_full: boundary ", "calibrator (balanced): boundary 8 of 8");
    }

    @Test
    @DisplayName("calibrate --plan says what a move needs without a broker, or that none is likely")
    void plans(@TempDir Path temp) throws IOException {
        String plan = "calibrate --plan --model demo/model --adapters demo/adapters --threads 1 --seed 1 --adapter ";
        CommandLineRun move = run(plan + "describe-small-data --data demo/data/describe-validation.jsonl");
        assertThat(move.exitCode()).as(move.err()).isZero();
        assertThat(move.err()).contains("shuffled by seed 1 ");
        assertThat(move.out())
                .startsWith("32 examples were scored at 9 boundaries in ")
                .contains("nothing was sent")
                .containsPattern(
                        "A move of 'describe-small-data' is likely \\(80%\\) within \\d+ examples, and as likely as"
                                + " not within \\d+; boundary \\d is the likeliest")
                .containsPattern("Scoring \\d+ examples takes about [0-9.]+ s on this machine")
                .contains("At the end of an epoch, after 2000 examples, the probability of a move is above 99%")
                .containsPattern("With the 160 examples of the file, it is (above )?\\d+%");
        CommandLineRun none = run(plan + "extract --data demo/data/extract-validation.jsonl");
        assertThat(none.out())
                .contains(
                        "A move of 'extract' is not likely, and full LoRA stays in force: all boundaries lose too much")
                .contains("the probability of a move is below 1%");
        String group = "{\"prompt\": \"a\", \"completion\": \"b\", \"group\": \"g\"}\n";
        Path grouped = Files.writeString(temp.resolve("grouped.jsonl"), group + group + group);
        assertThat(run(plan + "extract --data", grouped.toString(), "--examples", "2")
                        .err())
                .contains("the first group of the order has more than 2 examples, the number of --examples");
        assertThat(run(plan + "extract --data", grouped.toString()).err())
                .contains("a plan needs 2 examples or groups that differ and have a finite score, not 1");
        Path tooLong = Files.writeString(
                temp.resolve("long.jsonl"),
                "{\"prompt\": \"%s\", \"completion\": \"b\"}\n".formatted("a b c d ".repeat(2000)));
        assertThat(run(plan + "extract --data", tooLong.toString()).err())
                .contains("every example is longer than the model's context");
    }

    @Test
    @DisplayName("calibrate refuses options of a plan without --plan, a plan without a model, and an unknown adapter")
    void planUsage() {
        String calibrate = "calibrate --data demo/data/extract-validation.jsonl --adapter ";
        CommandLineRun threads = run(calibrate + "x --threads 2");
        assertThat(threads.exitCode()).isEqualTo(2);
        assertThat(threads.err()).contains("--threads requires --plan");
        CommandLineRun noModel = run(calibrate + "x --plan");
        assertThat(noModel.exitCode()).isEqualTo(2);
        assertThat(noModel.err()).contains("--model=DIR", "--adapters=DIR");
        assertThat(run(calibrate + "x --seed 1 --keep-order").exitCode()).isEqualTo(2);
        CommandLineRun unknown = run(calibrate + "x --plan --model demo/model --adapters demo/adapters");
        assertThat(unknown.exitCode()).isEqualTo(1);
        assertThat(unknown.err()).contains("--adapters: there is no folder demo/adapters/x");
    }

    /** Splits the line at spaces; further arguments may contain spaces. */
    private static CommandLineRun run(String line, String... more) {
        List<String> arguments = new ArrayList<>(List.of(line.split(" ")));
        arguments.addAll(List.of(more));
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }
}
