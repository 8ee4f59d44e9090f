package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The examples")
class ExamplesTest {

    private static final int LONGEST = 59;

    private static final Pattern PROGRAM = Pattern.compile(".*\\.(java|js|py)");
    private static final Pattern GENERATED = Pattern.compile(".*/(node_modules|target)/.*");

    @Test
    @DisplayName("Have less than 60 lines a program, so that a reader sees all of it")
    void areShort() throws IOException {
        List<String> longer = new ArrayList<>();
        for (Path program : programs()) {
            int lines = Files.readAllLines(program).size();
            if (lines > LONGEST) {
                longer.add(program + " has " + lines + " lines");
            }
        }
        assertThat(longer).isEmpty();
    }

    @Test
    @DisplayName("Are named in the README of their folder, which says how to run them")
    void areExplained() throws IOException {
        List<String> missing = new ArrayList<>();
        for (Path program : programs()) {
            Path folder = Path.of("examples").resolve(program.getName(1));
            Path readme = folder.resolve("README.md");
            String name = program.getFileName().toString().replace(".java", "");
            if (!Files.exists(readme) || !Files.readString(readme).contains(name)) {
                missing.add(readme + " does not name " + name);
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    @DisplayName("Have an expression of facts that matches each completion of the demo's adapter extract")
    void formatOfFacts() throws IOException {
        Pattern facts = Pattern.compile(
                Files.readString(Path.of("examples/structured/facts.regex")).stripTrailing());
        List<String> other = new ArrayList<>();
        int count = 0;
        for (String file : List.of("extract-validation.jsonl", "extract-requests.jsonl")) {
            for (String line : Files.readAllLines(Path.of("demo/data", file))) {
                String completion =
                        new ObjectMapper().readTree(line).path("completion").asText();
                count++;
                if (!facts.matcher(completion).matches()) {
                    other.add(file + ": " + completion);
                }
            }
        }
        assertThat(other).isEmpty();
        assertThat(count).isEqualTo(184);
    }

    private static List<Path> programs() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("examples"))) {
            List<Path> programs = files.filter(
                            file -> PROGRAM.matcher(file.toString()).matches())
                    .filter(file -> !GENERATED.matcher(file.toString()).matches())
                    .toList();
            assertThat(programs).hasSizeGreaterThan(8);
            return programs;
        }
    }
}
