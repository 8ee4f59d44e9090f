package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

@DisplayName("the command line")
class TidemarkCommandTest {

    @ParameterizedTest(name = "{0}")
    @MethodSource("commands")
    @DisplayName("shows an example in the help of each command")
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
                "bench",
                "calibrate --adapter x",
                "generate --model m --adapter nodir --prompt p",
                "serve --broker-port 1",
                "send --prompt a --message b"
            })
    @DisplayName("answers wrong usage with code 2, what is wrong, and no stack trace")
    void wrongUsage(String line) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err().lines().count()).isBetween(1L, 3L);
        assertThat(run.err()).startsWith("tidemark").doesNotContain("\tat ");
    }

    @Test
    @DisplayName("says in one line which file is missing, with code 1")
    void missingFile() {
        CommandLineRun run = CommandLineRun.of("verify", "/no/such/folder");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).isEqualToIgnoringNewLines("tidemark: there is no folder /no/such/folder");
    }

    @Test
    @DisplayName("shows the stack trace with --verbose only")
    void verbose() {
        assertThat(CommandLineRun.of("demo", "--folder", "/no/such", "--verbose")
                        .err())
                .contains("\tat io.tidemark");
        assertThat(CommandLineRun.of("demo", "--folder", "/no/such").err()).doesNotContain("\tat ");
    }

    @Test
    @DisplayName("reads every command that README and docs show")
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
