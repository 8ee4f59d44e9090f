package io.tidemark.cli.adapters;

import io.tidemark.adapter.source.AdapterFolders;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.serving.CommandSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** Reads the folders of sources with the settings {@code tidemark.sources.*} of this environment. */
final class SourceFolders {

    @Option(
            names = "--root",
            paramLabel = "DIR",
            description = "The folder of 'file:' sources on this machine. Default: tidemark.sources.file-root.")
    private Optional<Path> root = Optional.empty();

    boolean hasRoot() {
        return root.isPresent();
    }

    /**
     * Opens the cache folder for as long as a task takes.
     *
     * @throws CommandException if a setting is wrong or {@code --root} is no folder
     * @throws io.tidemark.adapter.source.SourceException if the cache folder can't be used
     */
    <T> T open(Function<AdapterFolders, T> task) {
        root.filter(folder -> !Files.isDirectory(folder)).ifPresent(folder -> {
            throw new CommandException("--root: there is no folder " + folder);
        });
        try (AdapterFolders folders = new AdapterFolders(CommandSettings.sources(root))) {
            return task.apply(folders);
        }
    }
}
