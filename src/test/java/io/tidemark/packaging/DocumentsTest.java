package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The documents")
class DocumentsTest {

    private static final Pattern LINK = Pattern.compile("\\]\\((?!https?:|#|mailto:)([^)#\\s]+)");
    private static final Pattern HEADING_LINK = Pattern.compile("\\]\\((?!https?:|mailto:)([^)#\\s]*)#([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.*?) *$");
    private static final Pattern DOCUMENT = Pattern.compile("(?<![\\w/])docs/[\\w.-]+\\.(?:md|yaml)");

    @Test
    @DisplayName("Link only to files that exist")
    void linksResolve() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : CodeBlock.documents()) {
            Matcher link = LINK.matcher(Files.readString(document));
            while (link.find()) {
                if (!Files.exists(document.toAbsolutePath().getParent().resolve(link.group(1)))) {
                    broken.add(document + " -> " + link.group(1));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    @Test
    @DisplayName("Link only to headings that exist")
    void headingsExist() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : CodeBlock.documents()) {
            Matcher link = HEADING_LINK.matcher(Files.readString(document));
            while (link.find()) {
                Path target = link.group(1).isEmpty()
                        ? document
                        : document.toAbsolutePath().getParent().resolve(link.group(1));
                if (Files.exists(target) && !headings(target).contains(link.group(2))) {
                    broken.add(document + " -> " + link.group(1) + "#" + link.group(2));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    /** The names of the headings in links, as GitHub makes them. */
    private static Set<String> headings(Path document) throws IOException {
        String text = Files.readString(document).replaceAll("(?s)```.*?```", "");
        return HEADING.matcher(text)
                .results()
                .map(heading -> heading.group(1)
                        .replaceAll("\\[([^]]*)]\\([^)]*\\)", "$1")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\w\\- ]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    @Test
    @DisplayName("Are each named once in docs/README.md")
    void indexNamesEachPage() throws IOException {
        List<String> named = LINK.matcher(Files.readString(Path.of("docs/README.md")))
                .results()
                .map(link -> link.group(1))
                .filter(target -> !target.startsWith("../"))
                .toList();
        List<String> pages = files("", Path.of("docs")).stream()
                .map(page -> page.getFileName().toString())
                .filter(page -> page.endsWith(".md") || page.endsWith(".yaml"))
                .filter(page -> !page.equals("README.md"))
                .toList();
        assertThat(named).containsExactlyInAnyOrderElementsOf(pages);
    }

    @Test
    @DisplayName("That the program, its settings and the manifests mention exist")
    void namedDocumentsExist() throws IOException {
        List<String> missing = new ArrayList<>();
        for (Path file : files("", Path.of("target/classes"), Path.of("k8s"), Path.of("docker"))) {
            Matcher name = DOCUMENT.matcher(
                    new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1));
            while (name.find()) {
                if (!Files.exists(Path.of(name.group()))) {
                    missing.add(file + " names " + name.group());
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    private static List<Path> files(String suffix, Path... places) throws IOException {
        List<Path> found = new ArrayList<>();
        for (Path place : places) {
            try (Stream<Path> files = Files.walk(place)) {
                files.filter(Files::isRegularFile)
                        .filter(file -> file.toString().endsWith(suffix))
                        .forEach(found::add);
            }
        }
        return found;
    }
}
