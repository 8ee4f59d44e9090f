package io.tidemark.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.JsonFields;
import io.tidemark.model.ModelRefused;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * A model's chat templates by name, found where transformers finds them: {@code chat_template.jinja} is
 * {@value #DEFAULT}, {@code additional_chat_templates/NAME.jinja} are others. Where neither is there,
 * {@code tokenizer_config.json} has one, or a list of named ones. (A {@code chat_template.json} belongs to the processors
 * of images and is not read, there as here.)
 */
final class ChatTemplateFiles {

    static final String DEFAULT = "default";

    private static final String EXTENSION = ".jinja";

    private ChatTemplateFiles() {}

    static Map<String, String> read(Path folder) {
        Map<String, String> templates = new HashMap<>();
        Path single = folder.resolve("chat_template" + EXTENSION);
        if (Files.isRegularFile(single)) {
            templates.put(DEFAULT, text(single));
        }
        Path others = folder.resolve("additional_chat_templates");
        if (Files.isDirectory(others)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(others, "*" + EXTENSION)) {
                files.forEach(
                        file -> templates.put(file.getFileName().toString().replace(EXTENSION, ""), text(file)));
            } catch (IOException e) {
                throw ModelRefused.broken(others, "could not be read", e);
            }
        }
        return templates.isEmpty() ? inConfig(folder.resolve("tokenizer_config.json")) : templates;
    }

    private static Map<String, String> inConfig(Path file) {
        Map<String, String> templates = new HashMap<>();
        if (!Files.isRegularFile(file)) {
            return templates;
        }
        JsonFields config = JsonFields.read(file);
        JsonNode found = config.root().path("chat_template");
        if (found.isArray()) {
            for (JsonNode each : found) {
                if (!each.path("name").isTextual() || !each.path("template").isTextual()) {
                    throw config.wrong("chat_template", "a template, or a list of objects with a name and a template");
                }
                templates.put(each.get("name").textValue(), each.get("template").textValue());
            }
        } else if (!config.text("chat_template", "").isEmpty()) {
            templates.put(DEFAULT, found.textValue());
        }
        return templates;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw ModelRefused.broken(file, "could not be read", e);
        }
    }
}
