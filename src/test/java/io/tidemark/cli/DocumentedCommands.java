package io.tidemark.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The command lines in the code blocks of the documentation. */
final class DocumentedCommands {

    private static final Pattern COMMAND = Pattern.compile("(?m)^(?:\\$ )?bin/tidemark .*$");
    private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");

    private DocumentedCommands() {}

    /** Returns commands that are on separate lines; a backslash at the end of a line continues it. */
    static List<String> in(Path... places) throws IOException {
        List<String> commands = new ArrayList<>();
        for (Path place : places) {
            try (Stream<Path> files = Files.walk(place)) {
                for (Path file : files.filter(path -> path.toString().endsWith(".md"))
                        .sorted()
                        .toList()) {
                    Matcher command = COMMAND.matcher(Files.readString(file).replaceAll("\\\\\\R\\s*", " "));
                    while (command.find()) {
                        commands.add(command.group().replaceFirst("^\\$ ", ""));
                    }
                }
            }
        }
        return commands;
    }

    /** Returns the words of a command without quotes, up to a pipe, a redirection, a comment or {@code &}. */
    static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        Matcher word = WORD.matcher(command);
        while (word.find()) {
            String bare = word.group(3);
            if (bare != null && bare.matches("[|>&#].*|\\d>.*")) {
                break;
            }
            words.add(bare != null ? bare : word.group(1) != null ? word.group(1) : word.group(2));
        }
        return words;
    }
}
