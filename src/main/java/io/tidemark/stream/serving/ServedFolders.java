package io.tidemark.stream.serving;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.stream.settings.AdaptersOfSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import org.jboss.logging.Logger;

/** The check that the folders of the settings exist, before a process starts a broker or waits for one. */
public final class ServedFolders {

    private static final Logger LOG = Logger.getLogger(ServedFolders.class);
    private static final int ABOVE_SYSTEM_PROPERTIES = 500;

    private ServedFolders() {}

    /**
     * Checks the folders that the given settings, system properties, environment variables and
     * {@code config/application.properties} choose. Checks nothing if settings are missing or malformed; the
     * application reports that.
     *
     * @param settings take precedence over the other sources
     * @throws IllegalArgumentException that names the folder and the setting
     */
    public static void require(Map<String, String> settings) {
        read(settings).ifPresent(ServedFolders::require);
    }

    /**
     * The PEFT folders of the adapters by id.
     *
     * @throws IllegalArgumentException if the folder of the model or of an adapter is missing, or as {@link
     *     AdaptersOfSettings#of}
     */
    static SortedMap<String, Path> require(TidemarkSettings settings) {
        Path model = settings.model().dir();
        if (!Files.isRegularFile(model.resolve("config.json"))) {
            throw new IllegalArgumentException("tidemark.model.dir (--model): '" + model + "' "
                    + missing(model, "config.json") + "; name the Hugging Face folder of the base model");
        }
        SortedMap<String, Path> adapters = AdaptersOfSettings.of(settings);
        adapters.forEach((id, folder) -> {
            if (!Files.isRegularFile(folder.resolve("adapter_config.json"))) {
                throw new IllegalArgumentException("adapter '" + id + "': '" + folder + "' "
                        + missing(folder, "adapter_config.json") + "; name a PEFT folder");
            }
        });
        return adapters;
    }

    private static String missing(Path folder, String file) {
        return Files.isDirectory(folder) ? "has no " + file : "is no folder";
    }

    private static Optional<TidemarkSettings> read(Map<String, String> settings) {
        try {
            return Optional.of(new SmallRyeConfigBuilder()
                    .addDefaultSources()
                    .addDefaultInterceptors()
                    .addDiscoveredConverters()
                    .withSources(new PropertiesConfigSource(settings, "options", ABOVE_SYSTEM_PROPERTIES))
                    .withMapping(TidemarkSettings.class)
                    .build()
                    .getConfigMapping(TidemarkSettings.class));
        } catch (RuntimeException e) {
            LOG.debug("the folders are not checked, because of these settings", e);
            return Optional.empty();
        }
    }
}
