package io.tidemark.cli;

import io.tidemark.cli.console.ConsoleCommand;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code tidemark completion}: the completion script of picocli. */
@Command(
        name = "completion",
        description = "Prints a completion script for bash and zsh.",
        footer = {"", "Example:", "  source <(bin/tidemark completion)", "  tidemark completion > tidemark_completion"})
final class CompletionCommand extends ConsoleCommand {

    @Override
    public Integer call() {
        CommandLine root = spec().root().commandLine();
        out().print(AutoComplete.bash(root.getCommandName(), root));
        out().flush();
        return 0;
    }
}
