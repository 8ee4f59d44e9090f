package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The Dockerfile")
class DockerfileTest {

    private static final Pattern TIDEMARK_VARIABLE = Pattern.compile("TIDEMARK_[A-Z_]+");

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Copies only files that exist and are not excluded by .dockerignore")
    void copiesExistingPaths(String name) throws IOException {
        List<String> ignored = Files.readAllLines(Path.of(".dockerignore"));
        for (String source : copied(name)) {
            assertThat(Path.of(source)).exists();
            assertThat(ignored).contains("!" + source);
        }
        assertThat(copied(name)).contains("pom.xml", "src", "bin", "demo");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Sets only environment variables that are settings")
    void variablesAreSettings(String name) throws IOException {
        Matcher variable = TIDEMARK_VARIABLE.matcher(String.join("\n", lines(name)));
        List<String> names = new ArrayList<>();
        while (variable.find()) {
            names.add(variable.group());
        }
        assertThat(names).isNotEmpty().isSubsetOf(SettingNames.environmentVariables());
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Runs the launcher as a numeric user other than root")
    void runsAsNobodySpecial(String name) throws IOException {
        assertThat(lines(name))
                .anyMatch(line -> line.matches("USER [1-9][0-9]*:[1-9][0-9]*"))
                .contains("ENTRYPOINT [\"/opt/tidemark/bin/tidemark\"]", "CMD [\"serve\"]");
    }

    /** Sources of COPY from the checkout, not from another stage. */
    private static List<String> copied(String name) throws IOException {
        List<String> sources = new ArrayList<>();
        for (String line : lines(name)) {
            String[] words = line.split("\\s+");
            if (words[0].equals("COPY") && !words[1].startsWith("--from")) {
                sources.addAll(List.of(words).subList(1, words.length - 1));
            }
        }
        return sources;
    }

    private static List<String> lines(String name) throws IOException {
        return Files.readAllLines(Path.of("docker", name));
    }
}
