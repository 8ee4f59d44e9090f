package io.tidemark.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELResolver;

/**
 * Turns messages into the text that the model was tuned on, by its own Jinja template, as transformers'
 * {@code apply_chat_template(messages, add_generation_prompt=True)} does. Safe for use by several threads.
 */
public final class ChatTemplate {

    /** Where Jinjava's own habits differ from Jinja2's; the white space around {@code {{-} is one. */
    private static final LegacyOverrides LIKE_JINJA2 = LegacyOverrides.newBuilder().withUsePyishObjectMapper(true)
            .withKeepNullableLoopValues(true).withUseTrimmingForNotesAndExpressions(true).withParseWhitespaceControlStrictly(true)
            .withUseNaturalOperatorPrecedence(true).withIterateOverMapKeys(true).withEvaluateMapKeys(true).build();

    private final Jinjava jinja = new Jinjava(JinjavaConfig.newBuilder()
            .withElResolver(resolver())
            .withTrimBlocks(true).withLstripBlocks(true)
            // A message that looks like a template is a message.
            .withNestedInterpretationEnabled(false)
            .withLegacyOverrides(LIKE_JINJA2)
            .build());
    private final Optional<String> template;
    private final Map<String, Object> specialTokens;

    private ChatTemplate(Optional<String> template, Map<String, Object> specialTokens) {
        this.template = template;
        this.specialTokens = specialTokens;
        TemplateFunctions.register(jinja.getGlobalContext());
    }

    /** Reads {@code chat_template.jinja}, else the template in {@code tokenizer_config.json}; a model may have neither. */
    static ChatTemplate load(Path folder) {
        Path config = folder.resolve("tokenizer_config.json");
        Optional<JsonFields> fields = Files.isRegularFile(config) ? Optional.of(JsonFields.read(config)) : Optional.empty();
        Map<String, Object> special = new HashMap<>();
        for (String name : List.of("bos_token", "eos_token", "unk_token", "pad_token")) {
            fields.map(f -> f.root().path(name)).flatMap(ChatTemplate::tokenText).ifPresent(text -> special.put(name, text));
        }
        return new ChatTemplate(text(folder, fields), special);
    }

    /**
     * Renders messages up to where the model's answer begins.
     *
     * @throws ChatTemplateFailed when there is no template or it does not render these messages
     */
    public String render(List<ChatMessage> messages) {
        String text = template.orElseThrow(() -> new ChatTemplateFailed(
                "the model has no chat template; send a prompt in place of messages"));
        TemplateFunctions.unknownFilter(jinja, text).ifPresent(filter -> {
            throw new ChatTemplateFailed("the model's chat template uses the filter '" + filter + "', which is not known here");
        });
        Map<String, Object> bindings = new HashMap<>(specialTokens);
        bindings.put("messages", messages.stream().map(m -> Map.of("role", m.role(), "content", m.content())).toList());
        bindings.put("add_generation_prompt", true);
        // Templates ask whether a function is defined, and Jinjava looks among the variables.
        TemplateFunctions.NAMES.forEach(name -> bindings.put(name, true));
        RenderResult result = jinja.renderForResult(text, bindings);
        if (result.hasErrors()) {
            throw failure(result.getErrors().get(0));
        }
        return result.getOutput();
    }

    /** Python's methods on strings come before Java's. */
    private static ELResolver resolver() {
        CompositeELResolver resolver = new CompositeELResolver();
        resolver.add(new PythonStringResolver());
        resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
        return resolver;
    }

    /** The template's own words where it raised an exception; Jinjava's others may hold the sender's. */
    private static ChatTemplateFailed failure(TemplateError error) {
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof TemplateFunctions.Raised) {
                return new ChatTemplateFailed("the model's chat template refused the messages: " + cause.getMessage());
            }
        }
        return new ChatTemplateFailed("the model's chat template failed in line " + error.getLineno() + ": " + error.getReason());
    }

    private static Optional<String> text(Path folder, Optional<JsonFields> config) {
        Path file = folder.resolve("chat_template.jinja");
        if (!Files.isRegularFile(file)) {
            return config.map(f -> f.text("chat_template", "")).filter(t -> !t.isEmpty()).map(ChatTemplate::withoutLastNewline);
        }
        try {
            return Optional.of(withoutLastNewline(Files.readString(file)));
        } catch (IOException e) {
            throw ModelRefused.broken(file, "could not be read", e);
        }
    }

    /** Jinja2 drops one newline at the end of a template. */
    private static String withoutLastNewline(String text) {
        return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }

    private static Optional<String> tokenText(JsonNode token) {
        JsonNode text = token.isObject() ? token.path("content") : token;
        return text.isTextual() ? Optional.of(text.textValue()) : Optional.empty();
    }
}
