package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.model.DataFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A folder with a model, its adapters and their data: {@code model/}, {@code adapters/NAME/}, {@code data/}. */
record DemoFolder(Path root) {

    /** @throws CommandException when the folder has no model or adapters */
    static DemoFolder at(Path root) {
        if (!Files.isRegularFile(root.resolve("model/config.json")) || !Files.isDirectory(root.resolve("adapters"))) {
            throw new CommandException("no demo model in " + root + " (it should hold model/, adapters/ and data/)");
        }
        return new DemoFolder(root);
    }

    Path model() {
        return root.resolve("model");
    }

    /** The adapters, sorted by name. */
    List<NamedFolder> adapters() {
        try (Stream<Path> folders = Files.list(root.resolve("adapters"))) {
            return folders.filter(folder -> Files.exists(folder.resolve("adapter_config.json")))
                    .sorted()
                    .map(folder -> new NamedFolder(folder.getFileName().toString(), folder))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("the demo's adapters cannot be listed", e);
        }
    }

    /** The folder of the first adapter, without links: a {@code file:} source must not lead out of its root. */
    Path firstAdapter() {
        NamedFolder first = adapters().stream()
                .findFirst()
                .orElseThrow(() -> new CommandException("no adapter in " + root.resolve("adapters")));
        try {
            return first.folder().toRealPath();
        } catch (IOException e) {
            throw new UncheckedIOException("adapter '" + first.name() + "' cannot be read", e);
        }
    }

    /** Requests that are not in the training data. */
    List<ObjectNode> requests(String adapter) {
        return new DataFile(dataFile(adapter, "requests")).objects();
    }

    /** Validation examples that are not in the training data. */
    DataFile validation(String adapter) {
        return new DataFile(dataFile(adapter, "validation"));
    }

    /** Requests whose answers have a format, for the adapters that they name; none if the folder has no such file. */
    List<ObjectNode> formats() {
        Path file = root.resolve("data/formats.jsonl");
        return Files.exists(file) ? new DataFile(file).objects() : List.of();
    }

    /**
     * An adapter without data, such as {@code describe-small-data}, uses the data of the task that its name starts
     * with.
     */
    private Path dataFile(String adapter, String kind) {
        Path data = root.resolve("data");
        for (String task = adapter; !task.isEmpty(); task = task.substring(0, Math.max(0, task.lastIndexOf('-')))) {
            Path file = data.resolve(task + "-" + kind + ".jsonl");
            if (Files.exists(file)) {
                return file;
            }
        }
        throw new CommandException("no " + kind + " data for adapter '" + adapter + "' in " + data);
    }
}
