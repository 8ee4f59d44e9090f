package io.tidemark.cli.serving;

import static org.assertj.core.api.Assertions.assertThat;

import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.client.Topics;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Settings of commands")
class CommandSettingsTest {

    private static final int ENVIRONMENT = 300;

    @Test
    @DisplayName("Topics have their default names without settings")
    void defaults() {
        assertThat(topics(Map.of(), Optional.empty()))
                .isEqualTo(Topics.DEFAULT)
                .isEqualTo(new Topics(
                        "generation-requests",
                        "generation-events",
                        "generation-results",
                        "generation-cancellations",
                        "validation-batches",
                        "validation-dead-letters",
                        "adapter-boundaries",
                        "boundary-decisions",
                        "calibration-state",
                        "adapters",
                        "worker-state"));
    }

    @Test
    @DisplayName("Environment variables change names and prefix of the topics")
    void environment() {
        Topics topics = topics(
                Map.of(
                        "TIDEMARK_TOPICS_PREFIX",
                        "a.",
                        "TIDEMARK_TOPICS_GENERATION_REQUESTS",
                        "asked",
                        "TIDEMARK_TOPICS_ADAPTER_BOUNDARIES",
                        "bounds"),
                Optional.empty());
        assertThat(topics.requests()).isEqualTo("a.asked");
        assertThat(topics.boundaries()).isEqualTo("a.bounds");
        assertThat(topics.results()).isEqualTo("a.generation-results");
    }

    @Test
    @DisplayName("Clients use the first request topic of a list")
    void severalRequestTopics() {
        Map<String, String> environment =
                Map.of("TIDEMARK_TOPICS_PREFIX", "a.", "TIDEMARK_TOPICS_GENERATION_REQUESTS", "urgent,bulk");
        assertThat(topics(environment, Optional.empty()).requests()).isEqualTo("a.urgent");
    }

    @Test
    @DisplayName("The prefix of the option replaces that of the environment, also if it is empty")
    void option() {
        Map<String, String> environment =
                Map.of("TIDEMARK_TOPICS_PREFIX", "a.", "TIDEMARK_TOPICS_GENERATION_EVENTS", "said");
        assertThat(topics(environment, Optional.of("b.")).events()).isEqualTo("b.said");
        assertThat(topics(environment, Optional.of("")).events()).isEqualTo("said");
    }

    private static Topics topics(Map<String, String> environment, Optional<String> prefix) {
        return CommandSettings.topics(
                new SmallRyeConfigBuilder().withSources(new EnvConfigSource(environment, ENVIRONMENT)), prefix);
    }
}
