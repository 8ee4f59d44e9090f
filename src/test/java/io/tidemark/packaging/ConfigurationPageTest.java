package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The page docs/configuration.md")
class ConfigurationPageTest {

    private static final Pattern ROW = Pattern.compile("^\\| `(tidemark\\.[^`]+)` \\| ([^|]*?) \\|", Pattern.MULTILINE);
    private static final Pattern VALUE = Pattern.compile("`([^`]*)`");

    @Test
    @DisplayName("Has a row for every setting, and no row for anything else")
    void names() throws IOException {
        assertThat(rows().keySet()).isEqualTo(SettingNames.defaults().keySet());
    }

    @Test
    @DisplayName("Shows the default of every setting that has a fixed one")
    void defaults() throws IOException {
        SortedMap<String, String> rows = rows();
        SettingNames.defaults()
                .forEach((name, value) -> value.ifPresent(
                        fixed -> assertThat(rows.get(name)).as(name).isEqualTo("`" + fixed + "`")));
    }

    @Test
    @DisplayName("Shows no fixed default for a setting without one")
    void derivedDefaults() throws IOException {
        SortedMap<String, String> rows = rows();
        SettingNames.defaults().forEach((name, value) -> {
            if (value.isEmpty()) {
                assertThat(rows.get(name)).as(name).isNotBlank().doesNotMatch(VALUE);
            }
        });
    }

    /** The default cell of each setting. */
    private static SortedMap<String, String> rows() throws IOException {
        SortedMap<String, String> rows = new TreeMap<>();
        Matcher row = ROW.matcher(Files.readString(Path.of("docs/configuration.md")));
        while (row.find()) {
            String previous = rows.put(row.group(1).replace(".\"ID\"", ""), row.group(2));
            assertThat(previous).as("second row of " + row.group(1)).isNull();
        }
        return rows;
    }
}
