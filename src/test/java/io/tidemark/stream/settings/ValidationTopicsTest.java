package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.stream.TestSettings;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The topics of validation batches")
class ValidationTopicsTest {

    private static TidemarkSettings settings(String value) {
        return TestSettings.with(
                Map.of("tidemark.topics.validation-batches", value, "tidemark.topics.prefix", "stage."));
    }

    private static ValidationTopics topics(String value) {
        return ValidationTopics.of(settings(value).topics());
    }

    @Test
    @DisplayName("Are one topic for all adapters by default")
    void byDefault() {
        ValidationTopics topics =
                ValidationTopics.of(TestSettings.with(Map.of()).topics());
        assertThat(topics.names()).containsExactly("validation-batches");
        assertThat(topics.topicOf("any")).contains("validation-batches");
    }

    @Test
    @DisplayName("Each have the adapters for whose id they have the longest prefix")
    void longestPrefix() {
        ValidationTopics topics = topics("validation-batches, a=team-a-, b = team-b-, secret=team-a-secret-");
        assertThat(topics.names()).containsExactly("stage.validation-batches", "stage.a", "stage.b", "stage.secret");
        assertThat(topics.topicOf("team-a-menu")).contains("stage.a");
        assertThat(topics.topicOf("team-a-secret-menu")).contains("stage.secret");
        assertThat(topics.topicOf("team-b-menu")).contains("stage.b");
        assertThat(topics.topicOf("team-")).contains("stage.validation-batches");
    }

    @Test
    @DisplayName("Accept no batch of an adapter that has none of the prefixes")
    void noTopic() {
        assertThat(topics("a=team-a-,b=team-b-").topicOf("menu")).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Are refused at the start with a name or a prefix that is given twice, and without a name")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            a=x-,a=y- | topic 'stage.a' is named twice
            a=x-,b=x- | two topics have the prefix 'x-'
            a,b       | two topics have the prefix ''
            =x-       | '=x-' is not TOPIC or TOPIC=PREFIX
            """)
    void refused(String value, String message) {
        TidemarkSettings settings = settings(value);
        assertThatThrownBy(() -> SettingsValidator.require(settings))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tidemark.topics.validation-batches: " + message);
    }
}
