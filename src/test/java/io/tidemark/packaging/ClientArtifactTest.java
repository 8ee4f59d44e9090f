package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.cfg.PackageVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The artifact tidemark-client")
class ClientArtifactTest {

    private final String pom = Files.readString(Path.of("pom.xml"));
    private final String client = Files.readString(Path.of("client/pom.xml"));

    ClientArtifactTest() throws IOException {}

    @Test
    @DisplayName("Has the version of the build, and names no version of its own")
    void versions() {
        assertThat(all(client, "<version>([^<]*)</version>"))
                .containsExactly(
                        "@project.version@",
                        "@kafka.version@",
                        "@jackson.version@",
                        "@jackson.version@",
                        "@jackson.version@",
                        "@victools.version@",
                        "@victools.version@");
    }

    @Test
    @DisplayName("Has the version of the build in its page and in the example")
    void documentedVersion() throws IOException {
        String version = all(pom, "<artifactId>tidemark</artifactId>\\s*<version>([^<]*)</version>")
                .get(0);
        for (String user : List.of("docs/client.md", "examples/java-client/pom.xml")) {
            assertThat(all(
                            Files.readString(Path.of(user)),
                            "<artifactId>tidemark-client</artifactId>\\s*<version>([^<]*)</version>"))
                    .as(user)
                    .containsExactly(version);
        }
    }

    @Test
    @DisplayName("Needs the version of Jackson that the server has")
    void jackson() {
        assertThat(all(pom, "<jackson.version>([^<]*)</jackson.version>"))
                .containsExactly(PackageVersion.VERSION.toString());
    }

    @Test
    @DisplayName("Depends on kafka-clients, Jackson and the generator of schemas only")
    void dependencies() {
        assertThat(all(client, "<artifactId>([^<]*)</artifactId>"))
                .containsExactly(
                        "tidemark-client",
                        "kafka-clients",
                        "jackson-databind",
                        "jackson-datatype-jdk8",
                        "jackson-datatype-jsr310",
                        "jsonschema-generator",
                        "jsonschema-module-jackson");
    }

    @Test
    @DisplayName(
            "Contains the packages that ContractPackagesTest holds to these dependencies, the licence, and nothing else")
    void packages() {
        String jars = pom.substring(pom.indexOf("<id>client-jar</id>"), pom.indexOf("<id>client</id>"));
        assertThat(all(jars, "<include>([^<]*)</include>"))
                .containsOnly(
                        "io/tidemark/client/**",
                        "io/tidemark/message/**",
                        "io/tidemark/topic/**",
                        "io/tidemark/time/**",
                        "META-INF/LICENSE");
    }

    private static List<String> all(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        return matcher.results().map(result -> result.group(1)).toList();
    }
}
