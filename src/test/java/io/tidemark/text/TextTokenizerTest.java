package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.Folders;
import io.tidemark.model.InvalidModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Tokenizer")
class TextTokenizerTest {

    private static final int BEGIN = 0;

    @TempDir
    private Path temp;

    @Test
    @DisplayName("A text of more than 5,000 tokens is not truncated, even if the file asks for truncation and padding")
    void truncatesNothing() throws IOException {
        Path folder = Folders.copyOfModel("llama-gqa", temp);
        Folders.edit(folder.resolve("tokenizer.json"), root -> {
            root.putObject("truncation")
                    .put("direction", "Right")
                    .put("max_length", 16)
                    .put("strategy", "LongestFirst")
                    .put("stride", 0);
            root.putObject("padding")
                    .put("direction", "Right")
                    .putNull("pad_to_multiple_of")
                    .put("pad_id", 0)
                    .put("pad_type_id", 0)
                    .put("pad_token", "<|endoftext|>")
                    .putObject("strategy")
                    .put("Fixed", 64);
        });
        String text = "The boundary layer of 7 restaurants; ".repeat(400);
        for (Path each : List.of(folder, Folders.model("llama-gqa"))) {
            try (TextTokenizer tokenizer = TextTokenizer.load(each)) {
                List<Integer> tokens = tokenizer.encodePrompt(text);
                assertThat(tokens).hasSizeGreaterThan(5_000);
                assertThat(tokenizer.decode(tokens)).isEqualTo(text);
                assertThat(tokenizer.encodePlain("The")).doesNotContain(BEGIN);
            }
        }
    }

    @Test
    @DisplayName("Special tokens are added to a prompt, but not to a rendered chat or a completion")
    void addsSpecialTokensToPrompts() throws IOException {
        Path folder = Folders.copyOfModel("llama-gqa", temp);
        Folders.edit(
                folder.resolve("tokenizer.json"),
                root -> set(
                        root,
                        "post_processor",
                        "{\"type\": \"TemplateProcessing\", "
                                + "\"single\": [{\"SpecialToken\": {\"id\": \"<|endoftext|>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], "
                                + "\"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}], "
                                + "\"special_tokens\": {\"<|endoftext|>\": {\"id\": \"<|endoftext|>\", \"ids\": [0], \"tokens\": [\"<|endoftext|>\"]}}}"));
        try (TextTokenizer tokenizer = TextTokenizer.load(folder)) {
            List<Integer> plain = tokenizer.encodePlain("A river");
            assertThat(plain).isNotEmpty().doesNotContain(BEGIN);
            assertThat(tokenizer.encodePrompt("A river"))
                    .startsWith(BEGIN)
                    .endsWith(plain.toArray(Integer[]::new))
                    .hasSize(plain.size() + 1);
        }
    }

    @Test
    @DisplayName("Special tokens in the text are encoded as such and left out of decoded text")
    void readsSpecialTokensInText() {
        try (TextTokenizer tokenizer = TextTokenizer.load(Folders.model("llama-gqa"))) {
            List<Integer> tokens = tokenizer.encodePlain("<|im_start|>user\nhéllo 🙂<|im_end|>");
            assertThat(tokens).startsWith(1).endsWith(2);
            assertThat(tokenizer.decode(tokens)).isEqualTo("user\nhéllo 🙂");
        }
    }

    @Test
    @DisplayName("A missing or broken tokenizer.json is refused by its path")
    void refusesBrokenFiles() throws IOException {
        assertThatThrownBy(() -> TextTokenizer.load(temp))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("tokenizer.json")
                .hasMessageContaining("missing");
        Files.writeString(temp.resolve("tokenizer.json"), "{\"version\": \"1.0\"}");
        assertThatThrownBy(() -> TextTokenizer.load(temp))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(temp.resolve("tokenizer.json").toString());
    }

    private static void set(ObjectNode root, String field, String json) {
        try {
            root.set(field, new ObjectMapper().readTree(json));
        } catch (IOException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
