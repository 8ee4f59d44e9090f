package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Folders;
import io.tidemark.model.InvalidModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link ChatRenderingTest} and the verification compare rendered texts with those of transformers. */
@DisplayName("Chat templates")
class ChatTemplateTest {

    private static final List<Map<String, Object>> QUESTION = List.of(message("user", "  Name a|river.\n"));

    @TempDir
    private Path temp;

    @Test
    @DisplayName("chat_template.jinja has precedence over tokenizer_config.json")
    void prefersTheFile() throws IOException {
        config("{\"chat_template\": \"from the config\"}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("from the config");
        Files.writeString(temp.resolve("chat_template.jinja"), "from the file");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("from the file");
    }

    @Test
    @DisplayName("Of several templates, 'tool_use' is used with tools, else 'default'")
    void choosesByTools() throws IOException {
        List<Map<String, Object>> tools = List.of(Map.of("type", "function"));
        config(
                "{\"chat_template\": [{\"name\": \"default\", \"template\": \"plain\"}, {\"name\": \"tool_use\", \"template\": \"{{ tools | length }} tools\"}]}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("plain");
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).isEqualTo("1 tools");
        Path folder = Files.createDirectory(temp.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "from the folder");
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).isEqualTo("from the folder");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("'default'");
        template("from the file{{ tools }}{{ documents }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("from the fileNoneNone");
        Files.delete(folder.resolve("tool_use.jinja"));
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).startsWith("from the file[");
    }

    @Test
    @DisplayName("A broken template fails when messages are rendered, not when the model loads")
    void brokenTemplateFailsWhenRendered() throws IOException {
        template("{{ messages | frobnicate }}");
        ChatTemplate broken = ChatTemplate.load(temp);
        assertThatThrownBy(() -> broken.render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessage("the model's chat template can't be used: line 1: filter 'frobnicate' is not supported");
        config("{\"chat_template\": [{\"name\": \"default\"}]}");
        Files.delete(temp.resolve("chat_template.jinja"));
        assertThatThrownBy(() -> ChatTemplate.load(temp))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("chat_template");
    }

    @Test
    @DisplayName("Null fields are left out, and reasoning is present under the names that templates read")
    void bindsMessagesLikeTransformers() throws IOException {
        template(
                "{% for m in messages %}{{ m.content is defined }} {{ m.thinking }} {{ m.reasoning_content }};{% endfor %}");
        Map<String, Object> fields = new HashMap<>(Map.of("role", "assistant", "reasoning", "hm"));
        fields.put("content", null);
        fields.put("thinking", null);
        assertThat(ChatTemplate.load(temp).render(List.of(fields), List.of())).isEqualTo("False hm hm;");
    }

    @Test
    @DisplayName("A developer's message has the role system in a template that skips roles it does not know")
    void developerAsSystem() throws IOException {
        List<Map<String, Object>> messages = List.of(message("developer", "Be brief."), message("user", "Hi"));
        template("{% for m in messages %}{% if m.role == 'system' %}S:{{ m.content }}{% elif m.role == 'user' %}U:"
                + "{{ m.content }}{% endif %}{% endfor %}");
        assertThat(ChatTemplate.load(temp).render(messages, List.of())).isEqualTo("S:Be brief.U:Hi");
        template("{# for developers #}{% for m in messages %}{{ m.role }};{% endfor %}");
        assertThat(ChatTemplate.load(temp).render(messages, List.of())).isEqualTo("system;user;");
        for (String quoted : List.of("'developer'", "\"developer\"")) {
            template("{% for m in messages %}{% if m.role in ['system', " + quoted
                    + "] %}{{ m.role }}:{{ m.content }}{% endif %}{% endfor %}");
            assertThat(ChatTemplate.load(temp).render(messages, List.of())).isEqualTo("developer:Be brief.");
        }
    }

    @Test
    @DisplayName("Of several templates, the selected one decides whether messages keep the role developer")
    void developerOfTheSelected() throws IOException {
        List<Map<String, Object>> messages = List.of(message("developer", "x"));
        config("""
                {"chat_template": [{"name": "default", "template": "{{ messages[0].role }}"},
                 {"name": "tool_use", "template": "{% if messages[0].role == 'developer' %}kept{% endif %}"}]}""");
        assertThat(ChatTemplate.load(temp).render(messages, List.of())).isEqualTo("system");
        assertThat(ChatTemplate.load(temp).render(messages, List.of(Map.of("type", "function"))))
                .isEqualTo("kept");
    }

    @Test
    @DisplayName("Named special tokens are variables of the template")
    void bindsNamedTokens() throws IOException {
        config("{\"bos_token\": null, \"image_token\": \"<i>\", \"extra_special_tokens\": {\"tool_token\": \"<t>\"}}");
        Files.writeString(temp.resolve("special_tokens_map.json"), "{\"eos_token\": {\"content\": \"</s>\"}}");
        template("{{ bos_token is defined }}{{ image_token }}{{ tool_token }}{{ eos_token }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("False<i><t></s>");
        config("{\"added_tokens_decoder\": {}}");
        template("{{ eos_token is defined }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("False");
    }

    @Test
    @DisplayName("Messages, special tokens and add_generation_prompt are variables of the template")
    void bindsWhatTransformersBinds() throws IOException {
        config(
                "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"special\": true}, \"chat_template\": "
                        + "\"{{ bos_token }}{% for m in messages %}{{ m['role'] }}/{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}go{% endif %}\"}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of())).isEqualTo("<s>user/  Name a|river.\n</s>go");
    }

    @Test
    @DisplayName("An exception raised by the template fails with its message")
    void failsWithTheRaisedMessage() throws IOException {
        template("{% if messages[0].role == 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("roles must alternate");
        assertThat(ChatTemplate.load(temp).render(List.of(message("system", "x")), List.of()))
                .isEmpty();
    }

    @Test
    @DisplayName("strftime_now gives the current date")
    void strftimeNowGivesTheDate() throws IOException {
        template("{% if strftime_now is defined %}{{ strftime_now('%Y-%m-%d %d %b %Y') }}{% endif %}");
        assertThat(ChatTemplate.load(temp).render(QUESTION, List.of()))
                .matches("20\\d\\d-\\d\\d-\\d\\d \\d\\d [A-Z][a-z]{2} 20\\d\\d");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("An undefined variable or filter fails")
    @ValueSource(
            strings = {
                "{{ no_such_function(messages) }}",
                "{{ messages[0].content.no_such_method() }}",
                "{{ messages | no_such_filter }}",
                "{% no_such_tag %}",
                "{% for m in messages %}",
                "{{ messages[0",
                "{{ 'a'.getClass().forName('x') }}"
            })
    void undefinedNamesFail(String text) throws IOException {
        template("before " + text + " after");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class);
    }

    @Test
    @DisplayName("A missing template fails when messages are rendered")
    void mayBeAbsent() throws IOException {
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("no chat template");
        config("{\"chat_template\": null}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION, List.of()))
                .isInstanceOf(ChatTemplateException.class);
    }

    @Test
    @DisplayName("The rendered text of each fixture ends where the reply begins")
    void endsWithTheAnswersBeginning() {
        for (String family : List.of("llama-gqa", "llama3-rope-tied", "llama-biased-mha")) {
            assertThat(ChatTemplate.load(Folders.model(family)).render(QUESTION, List.of()))
                    .endsWith("<|im_start|>assistant\n");
        }
    }

    private static Map<String, Object> message(String role, String content) {
        return Map.of("role", role, "content", content);
    }

    private void config(String json) throws IOException {
        Files.writeString(temp.resolve("tokenizer_config.json"), json);
    }

    private void template(String text) throws IOException {
        Files.writeString(temp.resolve("chat_template.jinja"), text);
    }
}
