package io.tidemark.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.jinja.JinjaException;
import io.tidemark.jinja.JinjaTemplate;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.JsonFields;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

/**
 * Renders messages with the model's Jinja template, like {@code apply_chat_template(messages, tools,
 * add_generation_prompt=True)} of transformers. Thread-safe.
 */
public final class ChatTemplate {

    /**
     * A parsed template, or the reason why parsing failed.
     *
     * @param developer whether the source compares a role with {@code developer}
     */
    private record Parsed(Optional<JinjaTemplate> template, boolean developer, String reason) {}

    private static final Pattern DEVELOPER = Pattern.compile("'developer'|\"developer\"");

    /** Fields that templates read for the reasoning before a reply. */
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    private static final String DEFAULT = "default";

    private static final String EXTENSION = ".jinja";

    private final Map<String, Parsed> templates = new HashMap<>();
    private final Map<String, Object> specialTokens;

    private ChatTemplate(Map<String, String> sources, Map<String, Object> specialTokens) {
        sources.forEach((name, source) -> templates.put(name, parse(source)));
        this.specialTokens = specialTokens;
    }

    /**
     * Loads the templates of a model folder, which may have none. A broken template fails when it is rendered.
     *
     * @throws InvalidModelException if a file with templates or special tokens is broken
     */
    public static ChatTemplate load(Path folder) {
        return new ChatTemplate(sources(folder), specialTokens(folder));
    }

    private static Parsed parse(String source) {
        boolean developer = DEVELOPER.matcher(source).find();
        try {
            return new Parsed(Optional.of(JinjaTemplate.parse(source, ZonedDateTime::now)), developer, "");
        } catch (JinjaException e) {
            return new Parsed(Optional.empty(), developer, e.getMessage());
        }
    }

    /**
     * Renders messages and the tools that the model may call, up to the beginning of the model's reply. A template
     * whose source has no {@code developer} gets messages of this role with the role {@code system}: many templates
     * skip a role that they don't know.
     *
     * @param messages {@code role}, {@code content} and any other fields as plain JSON values. Their order matters to
     *                 templates that print a message as JSON. Fields that are null are left out, as in transformers
     * @param tools    plain JSON values; may be empty
     * @throws ChatTemplateException if there is no template or it does not accept these messages
     */
    public String render(List<Map<String, Object>> messages, List<Map<String, Object>> tools) {
        return render(messages, tools, () -> false);
    }

    /**
     * The same, unless it is interrupted.
     *
     * @param interrupted read often, on the calling thread
     * @throws ChatTemplateException also if the rendering was interrupted
     */
    public String render(
            List<Map<String, Object>> messages, List<Map<String, Object>> tools, BooleanSupplier interrupted) {
        Map<String, Object> variables = new HashMap<>();
        Parsed parsed = select(!tools.isEmpty());
        JinjaTemplate template = parsed.template()
                .orElseThrow(
                        () -> new ChatTemplateException("the model's chat template can't be used: " + parsed.reason()));
        variables.put(
                "messages",
                messages.stream()
                        .map(message -> forTemplate(message, parsed.developer()))
                        .toList());
        variables.put("tools", tools.isEmpty() ? null : tools);
        variables.put("documents", null);
        variables.put("add_generation_prompt", true);
        variables.putAll(specialTokens);
        try {
            return template.render(variables, interrupted);
        } catch (JinjaException e) {
            if (e.isInterrupted()) {
                throw ChatTemplateException.interruption();
            }
            throw new ChatTemplateException(
                    e.isRaised()
                            ? "the model's chat template refused the messages: " + e.getMessage()
                            : "the model's chat template failed in " + e.getMessage());
        }
    }

    /**
     * The fields of a message that a template gets. Reasoning is present under each name that templates read.
     *
     * @param developer whether the role {@code developer} is kept; otherwise it becomes {@code system}
     */
    static Map<String, Object> forTemplate(Map<String, Object> message, boolean developer) {
        Map<String, Object> fields = new LinkedHashMap<>(message);
        fields.values().removeIf(Objects::isNull);
        if (!developer) {
            fields.replace("role", "developer", "system");
        }
        REASONING.stream().map(fields::get).filter(Objects::nonNull).findFirst().ifPresent(reasoning -> {
            fields.putIfAbsent("thinking", reasoning);
            fields.put("reasoning_content", reasoning);
        });
        return fields;
    }

    /** Selects as transformers does: {@code tool_use} if there are tools and such a template, else {@code default}. */
    private Parsed select(boolean tools) {
        String name = tools && templates.containsKey("tool_use") ? "tool_use" : DEFAULT;
        Parsed parsed = templates.get(name);
        if (templates.isEmpty()) {
            throw new ChatTemplateException("the model has no chat template; send a prompt in place of messages");
        }
        if (parsed == null) {
            throw new ChatTemplateException("the model has several chat templates and none is called '" + name + "'");
        }
        return parsed;
    }

    /**
     * The sources of a model's templates by name, found where transformers finds them: {@code chat_template.jinja} is
     * {@value #DEFAULT}, and {@code additional_chat_templates/NAME.jinja} are others. If neither exists, {@code
     * tokenizer_config.json} has one template or a list of named templates. {@code chat_template.json} is not read: it
     * belongs to image processors.
     */
    private static Map<String, String> sources(Path folder) {
        Map<String, String> templates = new HashMap<>();
        Path single = folder.resolve("chat_template" + EXTENSION);
        if (Files.isRegularFile(single)) {
            templates.put(DEFAULT, readText(single));
        }
        Path others = folder.resolve("additional_chat_templates");
        if (Files.isDirectory(others)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(others, "*" + EXTENSION)) {
                files.forEach(
                        file -> templates.put(file.getFileName().toString().replace(EXTENSION, ""), readText(file)));
            } catch (IOException e) {
                throw InvalidModelException.broken(others, "cannot be read", e);
            }
        }
        return templates.isEmpty() ? sourcesInConfig(folder.resolve("tokenizer_config.json")) : templates;
    }

    private static Map<String, String> sourcesInConfig(Path file) {
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

    private static String readText(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw InvalidModelException.broken(file, "cannot be read", e);
        }
    }

    /**
     * The special tokens that templates use by name, such as {@code bos_token}: the fields of
     * {@code tokenizer_config.json} whose name ends in {@code _token}, and the named ones of
     * {@code extra_special_tokens}. Folders written by old versions of transformers have some in
     * {@code special_tokens_map.json}.
     */
    private static Map<String, Object> specialTokens(Path folder) {
        Map<String, Object> tokens = new HashMap<>();
        Path config = folder.resolve("tokenizer_config.json");
        Path map = folder.resolve("special_tokens_map.json");
        boolean complete = false;
        if (Files.isRegularFile(config)) {
            JsonNode root = JsonFields.read(config).root();
            collect(root, tokens);
            root.path("extra_special_tokens").fields().forEachRemaining(e -> put(e.getKey(), e.getValue(), tokens));
            complete = root.has("added_tokens_decoder");
        }
        if (!complete && Files.isRegularFile(map)) {
            collect(JsonFields.read(map).root(), tokens);
        }
        return tokens;
    }

    private static void collect(JsonNode fields, Map<String, Object> tokens) {
        fields.fields().forEachRemaining(e -> {
            if (e.getKey().endsWith("_token")) {
                put(e.getKey(), e.getValue(), tokens);
            }
        });
    }

    private static void put(String name, JsonNode token, Map<String, Object> tokens) {
        JsonNode text = token.isObject() ? token.path("content") : token;
        if (text.isTextual()) {
            tokens.put(name, text.textValue());
        }
    }
}
