package io.tidemark.text;

import io.tidemark.jinja.JinjaException;
import io.tidemark.jinja.JinjaTemplate;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns messages into the text that the model was tuned on, by its own Jinja template, as transformers'
 * {@code apply_chat_template(messages, tools, add_generation_prompt=True)} does. Safe for use by several threads.
 */
public final class ChatTemplate {

    /** What became of a template's source when the model was loaded: a template, or the reason why it is none. */
    private record Read(Optional<JinjaTemplate> template, String reason) {}

    private final Map<String, Read> templates = new HashMap<>();
    private final Map<String, Object> specialTokens;

    private ChatTemplate(Map<String, String> sources, Map<String, Object> specialTokens) {
        sources.forEach((name, source) -> templates.put(name, read(source)));
        this.specialTokens = specialTokens;
    }

    /** Reads the templates of a model's folder; there may be none, and one that is broken is told of when it is needed. */
    public static ChatTemplate load(Path folder) {
        return new ChatTemplate(ChatTemplateFiles.read(folder), SpecialTokens.read(folder));
    }

    private static Read read(String source) {
        try {
            return new Read(Optional.of(JinjaTemplate.parse(source, ZonedDateTime::now)), "");
        } catch (JinjaException e) {
            return new Read(Optional.empty(), e.getMessage());
        }
    }

    /**
     * Renders messages up to where the model's answer begins.
     *
     * @throws ChatTemplateException when there is no template or it does not render these messages
     */
    public String render(List<ChatMessage> messages) {
        return render(messages, List.of());
    }

    /**
     * Renders messages and the tools that the model may ask for, up to where its answer begins.
     *
     * @param tools plain JSON values, for the template to read as they are; none is the same as no tools at all
     * @throws ChatTemplateException when there is no template or it does not render these messages
     */
    public String render(List<ChatMessage> messages, List<Map<String, Object>> tools) {
        Map<String, Object> variables = new HashMap<>();
        variables.put(
                "messages", messages.stream().map(ChatMessage::forTemplate).toList());
        variables.put("tools", tools.isEmpty() ? null : tools);
        variables.put("documents", null);
        variables.put("add_generation_prompt", true);
        variables.putAll(specialTokens);
        try {
            return chosen(!tools.isEmpty()).render(variables);
        } catch (JinjaException e) {
            throw new ChatTemplateException(
                    e.isRaised()
                            ? "the model's chat template refused the messages: " + e.getMessage()
                            : "the model's chat template failed in " + e.getMessage());
        }
    }

    /** As transformers chooses: {@code tool_use} where there are tools and such a template, else {@code default}. */
    private JinjaTemplate chosen(boolean tools) {
        String name = tools && templates.containsKey("tool_use") ? "tool_use" : ChatTemplateFiles.DEFAULT;
        Read read = templates.get(name);
        if (templates.isEmpty()) {
            throw new ChatTemplateException("the model has no chat template; send a prompt in place of messages");
        }
        if (read == null) {
            throw new ChatTemplateException("the model has several chat templates and none is called '" + name + "'");
        }
        return read.template()
                .orElseThrow(() -> new ChatTemplateException("the model's chat template can't be used: " + read.reason()));
    }
}
