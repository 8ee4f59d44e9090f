package io.tidemark.stream.settings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Collects the adapters of the settings {@code adapters}, {@code adapter-list} and {@code adapter-folder}. */
public final class AdaptersOfSettings {

    private AdaptersOfSettings() {}

    /**
     * Returns all PEFT folders by adapter id.
     *
     * @throws IllegalArgumentException when an id has two folders, a list entry is not {@code ID=FOLDER}, or the
     *     adapter folder can't be listed
     */
    public static SortedMap<String, Path> of(TidemarkSettings settings) {
        SortedMap<String, Path> folders = new TreeMap<>();
        settings.adapters().forEach((id, folder) -> add(folders, id, folder));
        for (String entry : settings.adapterList().orElse(List.of())) {
            int equals = entry.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("tidemark.adapter-list: '" + entry + "' is not ID=FOLDER");
            }
            add(
                    folders,
                    entry.substring(0, equals).strip(),
                    Path.of(entry.substring(equals + 1).strip()));
        }
        settings.adapterFolder().ifPresent(parent -> addSubFolders(folders, parent));
        return folders;
    }

    private static void addSubFolders(SortedMap<String, Path> folders, Path parent) {
        try (Stream<Path> children = Files.list(parent)) {
            children.filter(child -> Files.isRegularFile(child.resolve("adapter_config.json")))
                    .forEach(child -> add(folders, child.getFileName().toString(), child));
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "tidemark.adapter-folder (--adapters): can't list '" + parent
                            + "'; name a folder whose sub-folders are adapters",
                    e);
        }
    }

    private static void add(SortedMap<String, Path> folders, String id, Path folder) {
        Path previous = folders.putIfAbsent(id, folder);
        if (previous != null && !previous.equals(folder)) {
            throw new IllegalArgumentException("adapter '" + id + "' has two folders: " + previous + " and " + folder);
        }
    }
}
