package io.tidemark.packages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The log statements of the services")
class LogStatementsTest {

    private static final Pattern STATEMENT = Pattern.compile("\\bLOG\\.\\w+\\((?:[^;\"]|\"(?:[^\"\\\\]|\\\\.)*\")*;");
    private static final Pattern LITERAL = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");

    /** A call of LogText.of whose argument has calls without arguments, or with literals, only. */
    private static final Pattern ESCAPED = Pattern.compile("LogText\\.of\\((?:[^()]|\\([^()]*\\))*\\)");

    private static final Pattern OF_CLIENT = Pattern.compile(
            "\\b(?:id|batchId|requestId|derivedId|param|key|engineId)\\b(?!\\.)|error\\(\\)\\.message\\(\\)");

    @Test
    @DisplayName("Escape ids, keys and field names of clients with LogText")
    void escape() throws IOException {
        List<String> unescaped = new ArrayList<>();
        for (String part : List.of("stream", "generation")) {
            try (Stream<Path> files = Files.walk(Path.of("src/main/java/io/tidemark", part))) {
                for (Path file :
                        files.filter(each -> each.toString().endsWith(".java")).toList()) {
                    unescapedIn(Files.readString(file))
                            .forEach(statement -> unescaped.add(file.getFileName() + ": " + statement));
                }
            }
        }
        assertThat(unescaped).isEmpty();
    }

    @Test
    @DisplayName("Are found also if they have several lines or another argument that is escaped")
    void finds() {
        assertThat(unescapedIn("LOG.infof(\n \"request '%s' (%s)\",\n LogText.of(result.id()), error.param());"))
                .hasSize(1);
        assertThat(unescapedIn("LOG.log(Level.ERROR, \"request '\" + request.id() + \"'; failed\", e);"))
                .hasSize(1);
        assertThat(unescapedIn("LOG.warnf(\"id %s\", LogText.of(error.param().orElse(\"id\")));"))
                .isEmpty();
    }

    private static List<String> unescapedIn(String source) {
        List<String> found = new ArrayList<>();
        Matcher statement = STATEMENT.matcher(source);
        while (statement.find()) {
            String rest = LITERAL.matcher(statement.group()).replaceAll("");
            if (OF_CLIENT.matcher(ESCAPED.matcher(rest).replaceAll("")).find()) {
                found.add(statement.group());
            }
        }
        return found;
    }
}
