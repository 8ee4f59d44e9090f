package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.Folders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How the fixtures' own templates render is held against transformers by the verification. */
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
    @DisplayName("sees the messages, the special tokens in both spellings and that an answer is wanted")
    void bindsWhatTransformersBinds() throws IOException {
        config("{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"special\": true}, \"chat_template\": "
                + "\"{{ bos_token }}{% for m in messages %}{{ m['role'] }}/{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}go{% endif %}\"}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("<s>user/  Name a|river.\n</s>go");
    }

    @Test
    @DisplayName("loses one newline at its end and those behind blocks, as in transformers")
    void trimsLikeTransformers() throws IOException {
        template("{% if true %}\n  {% for m in messages %}\n{{ m.role }}\n  {% endfor %}\n{% endif %}\n<answer>\n");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo("user\n<answer>");
    }

    @Test
    @DisplayName("leaves text alone that looks like a template")
    void doesNotRenderMessages() throws IOException {
        template("{{ messages[0].content }}");
        String text = "{{ 1 + 1 }} {% raw %} <b>&amp;</b> {# note #}";
        assertThat(ChatTemplate.load(temp).render(List.of(new ChatMessage("user", text)))).isEqualTo(text);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("that uses what is not there fails, and renders no guess")
    @ValueSource(strings = {"{{ no_such_function(messages) }}", "{{ messages[0].content.no_such_method() }}",
            "{{ raise_exception('roles must alternate') }}", "{% no_such_tag %}", "{% for m in messages %}", "{{ messages[0", "{{ 'a'.getClass().forName('x') }}"})
    void failsRatherThanGuesses(String text) throws IOException {
        template("before " + text + " after");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateFailed.class);
    }

    @Test
    @DisplayName("is missed only when messages are to be rendered")
    void mayBeAbsent() throws IOException {
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateFailed.class)
                .hasMessageContaining("no chat template");
        config("{\"chat_template\": null}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateFailed.class);
    }

    @Test
    @DisplayName("of every fixture ends where the assistant's answer begins")
    void endsWithTheAnswersBeginning() {
        for (String family : List.of("llama-gqa", "llama3-rope-tied", "llama-biased-mha")) {
            assertThat(ChatTemplate.load(Folders.model(family)).render(QUESTION)).endsWith("<|im_start|>assistant\n");
        }
    }

    private void config(String json) throws IOException {
        Files.writeString(temp.resolve("tokenizer_config.json"), json);
    }

    private void template(String text) throws IOException {
        Files.writeString(temp.resolve("chat_template.jinja"), text);
    }
}
