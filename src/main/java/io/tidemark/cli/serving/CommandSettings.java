package io.tidemark.cli.serving;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.adapter.source.SourceOptions;
import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.cli.console.CommandException;
import io.tidemark.client.Cluster;
import io.tidemark.client.Topics;
import io.tidemark.stream.settings.RuleOfSettings;
import io.tidemark.stream.settings.SourcesOfSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.settings.TidemarkSettings.SourceSettings;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.stream.topics.TopicLayout;
import io.tidemark.stream.topics.TopicSetup;
import io.tidemark.time.Time;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;

/**
 * Settings {@code tidemark.*} for commands that run without Quarkus. The sources are those of the worker: system
 * properties, environment variables and {@code config/application.properties}.
 */
public final class CommandSettings {

    private static final String TOPICS = "tidemark.topics";
    private static final String SOURCES = "tidemark.sources";
    private static final String CALIBRATOR = "tidemark.calibrator";
    private static final int ABOVE_SYSTEM_PROPERTIES = 500;
    private static final int BELOW_ENVIRONMENT = 260; // as in Quarkus
    private static final Path FILE = Path.of("config", "application.properties");

    private CommandSettings() {}

    /**
     * The topics that a client reads and writes.
     *
     * @param prefix takes precedence over the setting
     */
    public static Topics topics(Optional<String> prefix) {
        return topics(sources(), prefix);
    }

    static Topics topics(SmallRyeConfigBuilder sources, Optional<String> prefix) {
        prefix.ifPresent(value -> sources.withSources(new PropertiesConfigSource(
                Map.of(TOPICS + ".prefix", value), "--topic-prefix", ABOVE_SYSTEM_PROPERTIES)));
        TopicLayout layout = layout(sources);
        return new Topics(
                layout.requests(),
                layout.events(),
                layout.results(),
                layout.cancellations(),
                layout.validationBatches(),
                layout.validationDeadLetters(),
                layout.boundaries(),
                layout.boundaryDecisions(),
                layout.calibrationState(),
                layout.adapters(),
                layout.workerState());
    }

    /** Creates missing topics with the layout that workers and calibrators would create. */
    public static void createTopics(Cluster cluster) {
        try (Admin admin = cluster.admin()) {
            TopicSetup.ensure(admin, layout(sources()), Role.ALL, true, Time.system());
        }
    }

    /**
     * The rule of a calibrator with the settings of this environment.
     *
     * @throws CommandException when a setting is wrong
     */
    public static BoundaryRule rule(int layers) {
        CalibratorSettings settings = sources()
                // durations have Quarkus' form
                .addDiscoveredConverters()
                .withMapping(CalibratorSettings.class, CALIBRATOR)
                .build()
                .getConfigMapping(CalibratorSettings.class, CALIBRATOR);
        try {
            return new BoundaryRule(RuleOfSettings.of(settings, layers), RuleOfSettings.objective(settings), layers);
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /**
     * The sources of adapters by the settings of this environment.
     *
     * @param root takes precedence over the setting
     * @throws CommandException when a setting is wrong
     */
    public static SourceOptions sources(Optional<Path> root) {
        SourceSettings settings = sources()
                .addDiscoveredConverters()
                .withMapping(SourceSettings.class, SOURCES)
                .build()
                .getConfigMapping(SourceSettings.class, SOURCES);
        try {
            SourceOptions options = SourcesOfSettings.of(settings);
            return root.isEmpty() ? options : options.withFileRoot(root.get());
        } catch (IllegalArgumentException e) {
            throw new CommandException(e.getMessage(), e);
        }
    }

    /** Returns whether a setting has a value. */
    public static boolean isSet(String name) {
        return sources().build().getOptionalValue(name, String.class).isPresent();
    }

    private static SmallRyeConfigBuilder sources() {
        SmallRyeConfigBuilder sources = new SmallRyeConfigBuilder()
                .addDefaultSources()
                .addDefaultInterceptors()
                .addDiscoveredCustomizers()
                // a customizer may map a part of them only
                .withMappingIgnore("quarkus.**");
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
                sources.withMapping(TopicSettings.class, TOPICS).build().getConfigMapping(TopicSettings.class, TOPICS));
    }
}
