package io.tidemark.cli.console;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.commons.text.similarity.JaroWinklerSimilarity;
import picocli.CommandLine;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * A word of the command line that is neither a command nor an option of it.
 *
 * @param command the command that got the word
 * @param word    the word, without the value of {@code --option=value}
 */
record UnknownWord(CommandLine command, String word) {

    /** The least similarity, from 0 to 1; {@code sned} and {@code send} have 0.93. */
    private static final double SIMILAR = 0.8;

    /** The first unknown word if a refusal is about one, or if a required option may be missing because of it. */
    static Optional<UnknownWord> in(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return first(command, unmatched.getUnmatched(), word -> true);
        }
        if (failure instanceof MissingParameterException) {
            return first(command, command.getUnmatchedArguments(), UnknownWord::isOption);
        }
        // 'help' refuses an unknown command without an option or a parameter
        return failure.getArgSpec() == null
                        && command.getSubcommands().values().stream().anyMatch(UnknownWord::isHelp)
                ? Optional.ofNullable(failure.getValue()).map(word -> new UnknownWord(command, word))
                : Optional.empty();
    }

    private static Optional<UnknownWord> first(CommandLine command, List<String> words, Predicate<String> which) {
        return words.stream()
                .filter(which)
                .findFirst()
                .map(word -> new UnknownWord(command, isOption(word) ? word.replaceFirst("=.*", "") : word));
    }

    private static boolean isHelp(CommandLine command) {
        return command.getCommand() instanceof HelpCommand;
    }

    private static boolean isOption(String word) {
        return word.startsWith("-") && word.length() > 1;
    }

    private boolean hasSubcommands() {
        return !command.getSubcommands().isEmpty();
    }

    /** What is wrong, without the name of the command. */
    String problem() {
        if (isOption(word)) {
            return "unknown option '" + word + "'";
        }
        return hasSubcommands()
                ? "unknown command '" + word + "'"
                : "unexpected argument '" + word + "'; put a value with blanks in quotes";
    }

    /** The known word that is most similar, as a question. */
    Optional<String> suggestion() {
        if (isOption(word)) {
            return mostSimilar(command.getCommandSpec().optionsMap().keySet())
                    .map(option -> "Did you mean: " + option + "?");
        }
        return mostSimilar(command.getSubcommands().keySet())
                .map(name -> "Did you mean: " + command.getCommandSpec().qualifiedName() + " " + name + "?");
    }

    private Optional<String> mostSimilar(Collection<String> names) {
        return names.stream().filter(name -> similarity(name) >= SIMILAR).max(Comparator.comparing(this::similarity));
    }

    /** Leading dashes would make all options similar. */
    private double similarity(String name) {
        return new JaroWinklerSimilarity().apply(withoutDashes(name), withoutDashes(word));
    }

    private static String withoutDashes(String text) {
        return text.replaceFirst("^-+", "");
    }
}
