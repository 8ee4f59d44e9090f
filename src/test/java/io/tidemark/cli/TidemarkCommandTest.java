package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

@DisplayName("Command line")
class TidemarkCommandTest {

    @ParameterizedTest(name = "{0}")
    @MethodSource("commands")
    @DisplayName("The help of each command has an example")
    void helpHasAnExample(String command) {
        List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
        arguments.add("--help");
        CommandLineRun help = CommandLineRun.of(arguments.toArray(String[]::new));
        assertThat(help.exitCode()).isZero();
        assertThat(help.out()).contains("Usage: tidemark " + command, "Example").contains("  tidemark ");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "nonsense",
                "send",
                "serve --role cook",
                "boundaries",
                "boundaries set x",
                "boundaries set x -1",
                "boundaries history x --limit 0",
                "boundaries explain",
                "boundaries rollback",
                "boundaries reset",
                "adapters",
                "adapters add x",
                "adapters alias x",
                "adapters verify",
                "calibrate --adapter x",
                "generate --model m --adapter =nodir --prompt p",
                "generate --prompt p",
                "verify --adapter demo/adapters/describe",
                "nonsense --help",
                "send nonsense --help",
                "help nonsense",
                "serve --broker-port 1",
                "send --prompt a --message b"
            })
    @DisplayName("Wrong usage exits with 2, the problem, and no stack trace")
    void wrongUsage(String line) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err().lines().count()).isBetween(1L, 3L);
        assertThat(run.err()).startsWith("tidemark").doesNotContain("\tat ");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "sned --adapter a, unknown command 'sned', tidemark send",
        "help sned, unknown command 'sned', tidemark send",
        "boundaries lst, unknown command 'lst', tidemark boundaries list",
        "adapters ad x file:x, unknown command 'ad', tidemark adapters add",
        "send --adpter a --prompt p, unknown option '--adpter', --adapter",
        "send --adapter a --promt=p, unknown option '--promt', --prompt",
        "calibrate --adpter a --data f, unknown option '--adpter', --adapter",
        "serve --modle m, unknown option '--modle', --model"
    })
    @DisplayName("A misspelt command or option is named, and the one that is meant")
    void misspelt(String line, String problem, String meant) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines()).hasSize(2).last().isEqualTo("Did you mean: " + meant + "?");
        assertThat(run.err()).contains(": " + problem + System.lineSeparator());
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "send --adapter a --prompt hello world, unexpected argument 'world'; put a value with blanks in quotes",
                "send --prompt p, --adapter is missing",
                "send --adapter a --prompt p --timeout 0, --timeout must be 1 or more",
                "send --adapter a --prompt p --deadline noon, 'noon' is no time such as 2026-12-01T12:00:00Z",
                "send --adapter a --prompt p --temperature hot, 'hot' is not a number",
                "boundaries set a x, 'x' is not a whole number",
                "generate --model m --prompt p --max-tokens 0, --max-tokens must be 1 or more",
                "broker --port 99999, --port must be 0 to 65535"
            })
    @DisplayName("A wrong value exits with 2 and what is expected, without names of Java's types")
    void wrongValue(String line, String problem) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains(problem, "--help' shows its usage")
                .doesNotContain("java.", "Exception", " int", "double");
    }

    @Test
    @DisplayName("An address without a port is named, and its form")
    void addressWithoutPort() {
        CommandLineRun run = CommandLineRun.of("boundaries", "list", "--broker", "a:1,kafka");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("'kafka' is not the address of a broker: write HOST:PORT");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"evalute", "evalute --help", "--help evalute"})
    @DisplayName("An unknown command exits with 2 and a suggestion, also with --help")
    void suggestion(String line) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("'evalute'").contains("Did you mean").contains("tidemark evaluate");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "generate --prompt p",
                "search --adapter a --data d",
                "curve --adapter a --data d",
                "evaluate --adapter a --data d --validation v",
                "verify --adapter a",
                "serve --role worker"
            })
    @DisplayName("A missing --model exits with 2 and names the option")
    void missingModel(String line) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("Missing").contains("--model=DIR");
    }

    @Test
    @DisplayName("Help COMMAND prints the help of the command")
    void help() {
        CommandLineRun help = CommandLineRun.of("help", "send");
        assertThat(help.exitCode()).isZero();
        assertThat(help.out())
                .startsWith("Usage: tidemark send")
                .isEqualTo(CommandLineRun.of("send", "--help").out());
    }

    @Test
    @DisplayName("Completion prints a script that completes commands and options")
    void completion() {
        CommandLineRun script = CommandLineRun.of("completion");
        assertThat(script.exitCode()).isZero();
        assertThat(script.err()).isEmpty();
        assertThat(script.out())
                .startsWith("#!/usr/bin/env bash")
                .contains("complete -F _complete_tidemark", "calibrate", "--max-tokens", "boundaries");
    }

    @Test
    @DisplayName("A missing file exits with 1 and its name in one line")
    void missingFile() {
        CommandLineRun run = CommandLineRun.of("verify", "/no/such/folder");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).isEqualToIgnoringNewLines("tidemark: there is no folder /no/such/folder");
    }

    @Test
    @DisplayName("A stack trace is printed only with --verbose")
    void verbose() {
        assertThat(CommandLineRun.of("demo", "--folder", "/no/such", "--verbose")
                        .err())
                .contains("\tat io.tidemark");
        assertThat(CommandLineRun.of("demo", "--folder", "/no/such").err()).doesNotContain("\tat ");
    }

    @Test
    @DisplayName("Every command in README and docs can be parsed")
    void documentedCommandsParse() throws Exception {
        List<String> commands = DocumentedCommands.in(Path.of("README.md"), Path.of("docs"));
        assertThat(commands).hasSizeGreaterThan(10);
        for (String command : commands) {
            String[] arguments =
                    DocumentedCommands.words(command).stream().skip(1).toArray(String[]::new);
            assertThat(TidemarkCommand.commandLine().parseArgs(arguments).unmatched())
                    .as(command)
                    .isEmpty();
        }
    }

    static Stream<String> commands() {
        return names("", TidemarkCommand.commandLine()).stream();
    }

    private static List<String> names(String prefix, CommandLine line) {
        List<String> names = new ArrayList<>();
        line.getSubcommands().forEach((name, sub) -> {
            names.add(prefix + name);
            names.addAll(names(prefix + name + " ", sub));
        });
        return names;
    }
}
