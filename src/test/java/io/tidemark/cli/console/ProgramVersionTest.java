package io.tidemark.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The version of the program")
class ProgramVersionTest {

    private static final String COMMIT = "82f001686b8f687b2399a224d877e3e6dbda0717";

    @Test
    @DisplayName("Names the commit, its date, and whether files were changed")
    void namesTheCommit() {
        assertThat(ProgramVersion.commit(
                        properties(Map.of("commit", COMMIT, "date", "2026-11-28", "changed", "false"))))
                .isEqualTo("commit 82f001686b8f of 2026-11-28");
        assertThat(ProgramVersion.commit(properties(Map.of("commit", COMMIT, "date", "2026-11-28", "changed", "true"))))
                .isEqualTo("commit 82f001686b8f of 2026-11-28 with changes");
        assertThat(ProgramVersion.commit(properties(Map.of("commit", COMMIT, "date", ""))))
                .isEqualTo("commit 82f001686b8f");
    }

    @Test
    @DisplayName("Says that a build without git has no commit, also if the file was not filled in")
    void saysThatTheCommitIsUnknown() {
        String unknown = "unknown commit (built without git)";
        assertThat(ProgramVersion.commit(new Properties())).isEqualTo(unknown);
        assertThat(ProgramVersion.commit(properties(Map.of("commit", "", "date", "", "changed", ""))))
                .isEqualTo(unknown);
        assertThat(ProgramVersion.commit(properties(Map.of("commit", "${git.commit.id.full}"))))
                .isEqualTo(unknown);
    }

    @Test
    @DisplayName("Is one line with the version, the commit and Java")
    void isOneLine() {
        assertThat(new ProgramVersion().getVersion())
                .singleElement()
                .asString()
                .matches("tidemark \\S+, (commit [0-9a-f]{7,12}.*|unknown commit .*), Java .*");
    }

    private static Properties properties(Map<String, String> values) {
        Properties properties = new Properties();
        properties.putAll(values);
        return properties;
    }
}
