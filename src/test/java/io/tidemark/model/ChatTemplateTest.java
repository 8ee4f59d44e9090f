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
import org.junit.jupiter.params.provider.CsvSource;
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
    @DisplayName("honours white space control, namespaces and slices as Jinja2 does")
    void rendersLikeJinja2() throws IOException {
        template("""
                {{- 'start ' }}
                {#- a note #}
                {%- if tools is defined %}
                    {{- 'tools' }}
                {%- endif %}
                {%- set ns = namespace(last='none') %}
                {%- for m in messages[1:] %}
                    {%- set ns.last = m.role %}
                    {{- '<' + m.role + '>\\n' + m.content | trim + '.' }}
                    {%- if not loop.last %}{{ '\\n' }}{% endif %}
                {%- endfor %}
                {{- ' ' + ns.last + ' ' ~ (messages | length - 1) }}
                {%- if add_generation_prompt %}
                    {{- '\\n<assistant>' -}}
                {%- endif %}

                """);
        List<ChatMessage> turns = List.of(new ChatMessage("system", "s"), new ChatMessage("user", "\u00a0a b\u3000\n"), new ChatMessage("assistant", " c "));
        // Rendered by Jinja2 3.1 with trim_blocks and lstrip_blocks.
        assertThat(ChatTemplate.load(temp).render(turns)).isEqualTo("start <user>\na b.\n<assistant>\nc. assistant 2\n<assistant>");
    }

    @Test
    @DisplayName("leaves text alone that looks like a template")
    void doesNotRenderMessages() throws IOException {
        template("{{ messages[0].content }}");
        String text = "{{ 1 + 1 }} {% raw %} <b>&amp;</b> {# note #}";
        assertThat(ChatTemplate.load(temp).render(List.of(new ChatMessage("user", text)))).isEqualTo(text);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("calls Python's string methods, and they mean what they mean in Python")
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
            "messages[0].content.strip(); Name a|river.", "messages[0]['content'].split('|')[1].strip(); river.",
            "messages[0].content.split('|')[-1].strip(); river.", "messages[0].content.split('|') | length; 2",
            "'a b  c'.split() | join('-'); a-b-c", "'yes' if messages[0].content.startswith('  Name') else 'no'; yes",
            "'yes' if messages[0].content.endswith('x') else 'no'; no", "messages[0].role.upper(); USER",
            "messages[0].role.title(); User", "'<' + messages[0].content.lstrip().rstrip('\\n') + '>'; <Name a|river.>",
            "messages[0].content.strip().replace('a', 'o'); Nome o|river.", "'.x.'.split('.') | length; 3",
            "('a</think>\\n\\nb').split('</think>')[-1].lstrip('\\n'); b", "messages[0].content | trim; Name a|river.",
            "'<|im_start|>' + messages[0].role + '|x'; <|im_start|>user|x"})
    void callsPythonMethods(String expression, String expected) throws IOException {
        template("{{ " + expression + " }}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).isEqualTo(expected);
    }

    @Test
    @DisplayName("that raises an exception fails with its words")
    void passesItsExceptionOn() throws IOException {
        template("{% if messages[0].role == 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}");
        assertThatThrownBy(() -> ChatTemplate.load(temp).render(QUESTION)).isInstanceOf(ChatTemplateFailed.class)
                .hasMessageContaining("roles must alternate");
        assertThat(ChatTemplate.load(temp).render(List.of(new ChatMessage("system", "x")))).isEmpty();
    }

    @Test
    @DisplayName("knows the date")
    void knowsTheDate() throws IOException {
        template("{% if strftime_now is defined %}{{ strftime_now('%Y-%m-%d %d %b %Y') }}{% endif %}");
        assertThat(ChatTemplate.load(temp).render(QUESTION)).matches("20\\d\\d-\\d\\d-\\d\\d \\d\\d [A-Z][a-z]{2} 20\\d\\d");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("that uses what is not there fails, and renders no guess")
    @ValueSource(strings = {"{{ no_such_function(messages) }}", "{{ messages[0].content.no_such_method() }}",
            "{{ messages | no_such_filter }}", "{% no_such_tag %}", "{% for m in messages %}", "{{ messages[0", "{{ 'a'.getClass().forName('x') }}"})
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
