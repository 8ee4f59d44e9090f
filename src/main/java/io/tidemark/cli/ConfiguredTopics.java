package io.tidemark.cli;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.client.Topics;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.TopicLayout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** The settings {@code tidemark.topics.*} for those who run without Quarkus: the names and layout that a worker has. */
public final class ConfiguredTopics {

    private static final String ROOT = "tidemark.topics";
    private static final int ABOVE_SYSTEM_PROPERTIES = 500;
    private static final int BELOW_ENVIRONMENT = 260; // as in Quarkus
    private static final Path FILE = Path.of("config", "application.properties");

    private ConfiguredTopics() {}

    /** All topics, as system properties, environment variables and {@code config/application.properties} have them. */
    static TopicLayout layout() {
        return layout(sources());
    }

    /**
     * What a client reads and writes.
     *
     * @param prefix wins over the one in the settings
     */
    public static Topics topics(Optional<String> prefix) {
        return topics(sources(), prefix);
    }

    static Topics topics(SmallRyeConfigBuilder sources, Optional<String> prefix) {
        prefix.ifPresent(value -> sources.withSources(new PropertiesConfigSource(
                Map.of(ROOT + ".prefix", value), "--topic-prefix", ABOVE_SYSTEM_PROPERTIES)));
        TopicLayout layout = layout(sources);
        return new Topics(
                layout.requests(),
                layout.events(),
                layout.results(),
                layout.validationBatches(),
                layout.validationDeadLetters(),
                layout.boundaries());
    }

    private static SmallRyeConfigBuilder sources() {
        SmallRyeConfigBuilder sources =
                new SmallRyeConfigBuilder().addDefaultSources().addDefaultInterceptors();
        try {
            return Files.isRegularFile(FILE)
                    ? sources.withSources(
                            new PropertiesConfigSource(FILE.toUri().toURL(), BELOW_ENVIRONMENT))
                    : sources;
        } catch (IOException e) {
            throw new UncheckedIOException(FILE + " could not be read", e);
        }
    }

    private static TopicLayout layout(SmallRyeConfigBuilder sources) {
        return TopicLayout.of(
                sources.withMapping(TopicSettings.class, ROOT).build().getConfigMapping(TopicSettings.class, ROOT));
    }
}
