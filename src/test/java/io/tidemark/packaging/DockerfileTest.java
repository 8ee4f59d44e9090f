package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The Dockerfiles")
class DockerfileTest {

    private static final Pattern VARIABLE = Pattern.compile("(TIDEMARK_[A-Z_]+)=");
    private static final Pattern IMAGE = Pattern.compile("\"?image\"?: (?<name>tidemark[\\w-]*):(?<version>\\S+)");

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Copy only files that exist and are not excluded by .dockerignore")
    void copiesExistingPaths(String name) throws IOException {
        List<String> ignored = Files.readAllLines(Path.of(".dockerignore"));
        for (String source : copied(name)) {
            assertThat(Path.of(source)).exists();
            assertThat(ignored)
                    .anyMatch(line -> line.startsWith("!") && (source + "/").startsWith(line.substring(1) + "/"));
        }
        assertThat(copied(name)).contains("pom.xml", "src", "bin", "docker/training-run");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Set only environment variables that are settings")
    void variablesAreSettings(String name) throws IOException {
        Matcher variable = VARIABLE.matcher(text(name));
        List<String> names = new ArrayList<>();
        while (variable.find()) {
            names.add(variable.group(1));
        }
        assertThat(names)
                .contains("TIDEMARK_MODEL_DIR", "TIDEMARK_ADAPTER_FOLDER")
                .isSubsetOf(SettingNames.environmentVariables());
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Run the launcher as a numeric user other than root")
    void runsAsNobodySpecial(String name) throws IOException {
        assertThat(lines(name))
                .contains("USER 10001:10001", "STOPSIGNAL SIGTERM")
                .contains("ENTRYPOINT [\"/opt/tidemark/bin/tidemark\"]", "CMD [\"serve\"]");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName(
            "Pin their base images by version and digest, and take Java in the version that the project is compiled for")
    void basesArePinned(String name) throws IOException {
        List<String> images = lines(name).stream()
                .filter(line -> line.matches("ARG [A-Z]+_IMAGE=.*"))
                .toList();
        assertThat(images).isNotEmpty().allMatch(image -> image.matches(".*:[^:@]*\\d[^:@]*@sha256:[0-9a-f]{64}"));
        assertThat(images)
                .filteredOn(image -> image.contains("temurin"))
                .singleElement()
                .satisfies(image -> assertThat(image).contains("-temurin-" + pom("maven.compiler.release") + "@"));
        Set<String> arguments = Set.copyOf(images.stream()
                .map(image -> image.replaceFirst("ARG ([A-Z_]+)=.*", "\\${$1}"))
                .toList());
        List<String> stages = lines(name).stream()
                .filter(line -> line.startsWith("FROM "))
                .map(line -> line.split(" ")[1])
                .filter(base -> base.startsWith("$"))
                .toList();
        assertThat(stages).isSubsetOf(arguments);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"Dockerfile", "Dockerfile.cuda"})
    @DisplayName("Label images with the version of the project")
    void versionIsThatOfTheProject(String name) throws IOException {
        assertThat(lines(name)).contains("ARG VERSION=" + pom("version"));
    }

    @Test
    @DisplayName("Build the images that compose.yaml and the manifests name, in the version of the project")
    void imagesAgree() throws IOException {
        List<String> names = new ArrayList<>();
        for (Path file : yaml()) {
            Matcher image = IMAGE.matcher(Files.readString(file));
            while (image.find()) {
                names.add(image.group("name"));
                assertThat(image.group("version")).as(file.toString()).startsWith(pom("version"));
            }
        }
        assertThat(names).contains("tidemark").isSubsetOf("tidemark", "tidemark-demo", "tidemark-cuda");
    }

    private static List<Path> yaml() throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path folder : List.of(Path.of("docker"), Path.of("k8s"))) {
            try (Stream<Path> found = Files.walk(folder)) {
                found.filter(file -> file.toString().endsWith(".yaml")).forEach(files::add);
            }
        }
        return files;
    }

    /** The first value of an element of pom.xml. */
    private static String pom(String element) throws IOException {
        Matcher value = Pattern.compile("<" + Pattern.quote(element) + ">([^<]+)<")
                .matcher(Files.readString(Path.of("pom.xml")));
        return Optional.of(value).filter(Matcher::find).orElseThrow().group(1);
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

    private static String text(String name) throws IOException {
        return String.join("\n", lines(name));
    }
}
