package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Folders;
import io.tidemark.model.ModelRefused;
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

/** How templates render is held against transformers by {@link ChatRenderingTest} and, for fixtures, by the verification. */
@DisplayName("the chat template")
class ChatTemplateTest {

    private static final List<ChatMessage> QUESTION = List.of(new ChatMessage("user", "  Name a|river.\n"));

    @TempDir
    private Path temp;

    @Test
    @DisplayName("is chat_template.jinja, even where tokenizer_config.json has one too")
    void prefersTheFile() throws IOException {
        config("{\"chat_template\": \"from the config\"}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("from the config");
        Files.writeString(temp.resolve("chat_template.jinja"), "from the file");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("from the file");
    }

    @Test
    @DisplayName("may be one of several by name: 'tool_use' where there are tools, else 'default'")
    void choosesByTools() throws IOException {
        List<Map<String, Object>> tools = List.of(Map.of("type", "function"));
        config(
                "{\"chat_template\": [{\"name\": \"default\", \"template\": \"plain\"}, {\"name\": \"tool_use\", \"template\": \"{{ tools | length }} tools\"}]}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("plain");
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).isEqualTo("1 tools");
        Path folder = Files.createDirectory(temp.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "from the folder");
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).isEqualTo("from the folder");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("'default'");
        template("from the file{{ tools }}{{ documents }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("from the fileNoneNone");
        Files.delete(folder.resolve("tool_use.jinja"));
        assertThat(ChatTemplate.load(temp).render(QUESTION, tools)).startsWith("from the file[");
    }

    @Test
    @DisplayName("that is broken lets the model load, and is told of when messages come")
    void toldOfWhenNeeded() throws IOException {
        template("{{ messages | frobnicate }}");
        ChatTemplate broken = ChatTemplate.load(temp);
        assertThatThrownBy(() -> broken.render(QUESTION))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessage("the model's chat template can't be used: line 1: filter 'frobnicate' is not supported");
        config("{\"chat_template\": [{\"name\": \"default\"}]}");
        Files.delete(temp.resolve("chat_template.jinja"));
        assertThatThrownBy(() -> ChatTemplate.load(temp))
                .isInstanceOf(ModelRefused.class)
                .hasMessageContaining("chat_template");
    }

    @Test
    @DisplayName("sees no field that is null, and what a model thought by the names that templates have for it")
    void seesMessagesAsTransformersGivesThem() throws IOException {
        template(
                "{% for m in messages %}{{ m.content is defined }} {{ m.thinking }} {{ m.reasoning_content }};{% endfor %}");
        Map<String, Object> fields = new HashMap<>(Map.of("role", "assistant", "reasoning", "hm"));
        fields.put("content", null);
        fields.put("thinking", null);
        assertThat(ChatTemplate.load(temp).render(List.of(new ChatMessage(fields))))
                .isEqualTo("False hm hm;");
    }

    @Test
    @DisplayName("knows every token that the model has a name for")
    void knowsNamedTokens() throws IOException {
        config("{\"bos_token\": null, \"image_token\": \"<i>\", \"extra_special_tokens\": {\"tool_token\": \"<t>\"}}");
        Files.writeString(temp.resolve("special_tokens_map.json"), "{\"eos_token\": {\"content\": \"</s>\"}}");
        template("{{ bos_token is defined }}{{ image_token }}{{ tool_token }}{{ eos_token }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("False<i><t></s>");
        config("{\"added_tokens_decoder\": {}}");
        template("{{ eos_token is defined }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("False");
    }

    @Test
    @DisplayName("sees the messages, the special tokens in both spellings and that an answer is wanted")
    void bindsWhatTransformersBinds() throws IOException {
        config(
                "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"special\": true}, \"chat_template\": "
                        + "\"{{ bos_token }}{% for m in messages %}{{ m['role'] }}/{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}go{% endif %}\"}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("<s>user/  Name a|river.\n</s>go");
    }

    @Test
    @DisplayName("that raises an exception fails with its words")
    void passesItsExceptionOn() throws IOException {
        template("{% if messages[0].role == 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("roles must alternate");
        assertThat(ChatTemplate.load(temp).render(List.of(new ChatMessage("system", "x"))))
                .isEmpty();
    }

    @Test
    @DisplayName("knows the date")
    void knowsTheDate() throws IOException {
        template("{% if strftime_now is defined %}{{ strftime_now('%Y-%m-%d %d %b %Y') }}{% endif %}");
        assertThat(ChatTemplate.load(temp).render(QUESTION))
                .matches("20\\d\\d-\\d\\d-\\d\\d \\d\\d [A-Z][a-z]{2} 20\\d\\d");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("that uses what is not there fails, and renders no guess")
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
    void failsRatherThanGuesses(String text) throws IOException {
        template("before " + text + " after");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateException.class);
    }

    @Test
    @DisplayName("is missed only when messages are to be rendered")
    void mayBeAbsent() throws IOException {
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessageContaining("no chat template");
        config("{\"chat_template\": null}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateException.class);
    }

    @Test
    @DisplayName("of every fixture ends where the assistant's answer begins")
    void endsWithTheAnswersBeginning() {
        for (String family : List.of("llama-gqa", "llama3-rope-tied", "llama-biased-mha")) {
            assertThat(ChatTemplate.load(Folders.model(family)).render(QUESTION))
                    .endsWith("<|im_start|>assistant\n");
        }
    }

    private void config(String json) throws IOException {
        Files.writeString(temp.resolve("tokenizer_config.json"), json);
    }

    private void template(String text) throws IOException {
        Files.writeString(temp.resolve("chat_template.jinja"), text);
    }
}
