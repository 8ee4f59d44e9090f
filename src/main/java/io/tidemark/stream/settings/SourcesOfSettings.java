package io.tidemark.stream.settings;

import io.tidemark.adapter.source.SourceOptions;
import io.tidemark.stream.settings.TidemarkSettings.SourceSettings;
import java.nio.file.Path;
import java.util.List;

/** The places of adapters that {@code tidemark.sources.*} describes. */
public final class SourcesOfSettings {

    private static final String PREFIX = "tidemark.sources.";
    private static final String CACHE = "tidemark-adapters";

    private SourcesOfSettings() {}

    /** @throws IllegalArgumentException whose message begins with the name of the property */
    public static SourceOptions of(SourceSettings settings) {
        try {
            return new SourceOptions(
                    settings.fileRoot(),
                    settings.cacheDir().orElseGet(() -> Path.of(System.getProperty("java.io.tmpdir"), CACHE)),
                    settings.cacheBytes().asLongValue(),
                    settings.adapterBytes().asLongValue(),
                    settings.downloadTime(),
                    settings.downloads(),
                    settings.allowed().orElse(List.of()),
                    new SourceOptions.S3(
                            settings.s3().endpoint(),
                            settings.s3().region(),
                            settings.s3().pathStyle()),
                    new SourceOptions.Hub(
                            settings.hub().endpoint(),
                            settings.hub().token(),
                            settings.hub().redirectHosts()),
                    new SourceOptions.Registry(
                            settings.registry().user(),
                            settings.registry().password(),
                            settings.registry().plainHttp().orElse(List.of())));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(PREFIX + e.getMessage(), e);
        }
    }
}
