package io.tidemark.packages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The formatter wraps code, but not comments. */
@DisplayName("Comments")
class CommentsTest {

    private static final int COLUMNS = 120;

    @Test
    @DisplayName("Have at most 120 columns")
    void width() throws IOException {
        List<String> wide = new ArrayList<>();
        for (String root : List.of("src/main/java", "src/test/java")) {
            try (Stream<Path> files = Files.walk(Path.of(root))) {
                for (Path file :
                        files.filter(each -> each.toString().endsWith(".java")).toList()) {
                    List<String> lines = Files.readAllLines(file);
                    for (int i = 0; i < lines.size(); i++) {
                        if (isWideComment(lines.get(i))) {
                            wide.add(file + ":" + (i + 1));
                        }
                    }
                }
            }
        }
        assertThat(wide).isEmpty();
    }

    @Test
    @DisplayName("Are found by this test if they have 121 columns")
    void isFound() {
        assertThat(isWideComment(" * " + "x".repeat(COLUMNS - 3))).isFalse();
        assertThat(isWideComment(" * " + "x".repeat(COLUMNS - 2))).isTrue();
        assertThat(isWideComment("    // " + "x".repeat(COLUMNS))).isTrue();
        assertThat(isWideComment("    String text = \"" + "x".repeat(COLUMNS))).isFalse();
    }

    private static boolean isWideComment(String line) {
        String text = line.strip();
        return line.length() > COLUMNS && (text.startsWith("*") || text.startsWith("/*") || text.startsWith("//"));
    }
}
