package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.CommandFailed;
import io.tidemark.cli.JsonLines;
import io.tidemark.cli.NamedFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The bundled model, its adapters and their data: {@code model/}, {@code adapters/NAME/}, {@code data/}. */
record DemoFolder(Path root) {

    /** @throws CommandFailed when the folder holds no demo model */
    static DemoFolder at(Path root) {
        if (!Files.isRegularFile(root.resolve("model/config.json")) || !Files.isDirectory(root.resolve("adapters"))) {
            throw new CommandFailed("no demo model in " + root + " (it should hold model/, adapters/ and data/)");
        }
        return new DemoFolder(root);
    }

    Path model() {
        return root.resolve("model");
    }

    /** In the order of their names. */
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

    /** Requests as a user would send them; none was seen in training. */
    List<ObjectNode> requests(String adapter) {
        return JsonLines.read(dataFile(adapter, "requests"));
    }

    /** Held-out examples for the calibrator. */
    List<ObjectNode> validation(String adapter) {
        return JsonLines.read(dataFile(adapter, "validation"));
    }

    /** An adapter without data of its own, such as {@code describe-small-data}, shares that of the task it begins with. */
    private Path dataFile(String adapter, String kind) {
        Path data = root.resolve("data");
        for (String task = adapter; !task.isEmpty(); task = task.substring(0, Math.max(0, task.lastIndexOf('-')))) {
            Path file = data.resolve(task + "-" + kind + ".jsonl");
            if (Files.exists(file)) {
                return file;
            }
        }
        throw new CommandFailed("no " + kind + " data for adapter '" + adapter + "' in " + data);
    }
}
