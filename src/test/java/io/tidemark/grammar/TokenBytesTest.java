package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.Folders;
import io.tidemark.model.InvalidModelException;
import io.tidemark.text.TextTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The bytes of tokens")
class TokenBytesTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @ParameterizedTest(name = "{0}")
    @DisplayName("Are what the decoder adds to a text, for the whole vocabulary, at the start of a text and later")
    @MethodSource("io.tidemark.grammar.Tokenizers#all")
    void agreeWithDecoder(Path folder) throws IOException {
        int size = size(folder);
        TokenBytes bytes = TokenBytes.read(folder, size, Set.of());
        Map<Integer, String> wrong = new TreeMap<>();
        try (TextTokenizer tokenizer = TextTokenizer.load(folder)) {
            List<Integer> anchors = tokenizer.encodePlain("a");
            int anchor = anchors.get(anchors.size() - 1);
            String before = tokenizer.decode(List.of(anchor));
            for (int token = 0; token < size; token++) {
                String first = tokenizer.decode(List.of(token));
                if (!text(bytes.first(token)).equals(first)) {
                    wrong.put(token, "first: '" + text(bytes.first(token)) + "' instead of '" + first + "'");
                }
                String later = tokenizer.decode(List.of(anchor, token)).substring(before.length());
                if (!text(bytes.later(token)).equals(later)) {
                    wrong.put(token, "later: '" + text(bytes.later(token)) + "' instead of '" + later + "'");
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Of any tokens make the text that the decoder makes, if they are valid UTF-8")
    @MethodSource("io.tidemark.grammar.Tokenizers#all")
    void concatenateToTheText(Path folder) throws IOException {
        int size = size(folder);
        TokenBytes bytes = TokenBytes.read(folder, size, Set.of());
        Random random = new Random(26);
        int valid = 0;
        try (TextTokenizer tokenizer = TextTokenizer.load(folder)) {
            for (int i = 0; i < 2000; i++) {
                List<Integer> tokens = new ArrayList<>();
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                for (int k = random.nextInt(12); k >= 0; k--) {
                    int token = random.nextInt(size);
                    if (bytes.later(token).length > 0) {
                        all.writeBytes(tokens.isEmpty() ? bytes.first(token) : bytes.later(token));
                        tokens.add(token);
                    }
                }
                String text = text(all.toByteArray());
                if (text.indexOf('\uFFFD') < 0) {
                    valid++;
                    assertThat(tokenizer.decode(tokens)).as("%s", tokens).isEqualTo(text);
                }
            }
        }
        assertThat(valid).isGreaterThan(100);
    }

    @Test
    @DisplayName("Are none for special tokens and for logits without a token")
    void specialTokensHaveNone() throws IOException {
        int size = size(Tokenizers.BYTE_LEVEL);
        TokenBytes bytes = TokenBytes.read(Tokenizers.BYTE_LEVEL, size + 7, Set.of());
        JsonNode added = JSON.readTree(
                        Tokenizers.BYTE_LEVEL.resolve("tokenizer.json").toFile())
                .path("added_tokens");
        int special = 0;
        for (JsonNode token : added) {
            boolean silent = token.path("special").booleanValue();
            special += silent ? 1 : 0;
            assertThat(bytes.later(token.path("id").intValue()).length == 0).isEqualTo(silent);
        }
        assertThat(special).isPositive();
        assertThat(bytes.vocabulary()).isEqualTo(size + 7);
        assertThat(bytes.later(size + 6)).isEmpty();
    }

    @Test
    @DisplayName("Are not read from a tokenizer whose decoder is of another kind")
    void refusesOtherDecoders(@TempDir Path temp) throws IOException {
        Files.copy(Tokenizers.BYTE_LEVEL.resolve("tokenizer.json"), temp.resolve("tokenizer.json"));
        Folders.edit(
                temp.resolve("tokenizer.json"),
                root -> root.set("decoder", JSON.createObjectNode().put("type", "WordPiece")));
        assertThatThrownBy(() -> TokenBytes.read(temp, 400, Set.of()))
                .isInstanceOf(GrammarUnavailableException.class)
                .hasMessageContaining("WordPiece");
        Files.writeString(temp.resolve("tokenizer.json"), "{\"model\": {\"vocab\": {\"a\": ");
        assertThatThrownBy(() -> TokenBytes.read(temp, 400, Set.of())).isInstanceOf(InvalidModelException.class);
    }

    /** One more than the largest id. */
    private static int size(Path folder) throws IOException {
        JsonNode root = JSON.readTree(folder.resolve("tokenizer.json").toFile());
        JsonNode vocabulary = root.path("model").path("vocab");
        int size = vocabulary.size();
        if (vocabulary.isObject()) {
            for (JsonNode id : vocabulary) {
                size = Math.max(size, id.intValue() + 1);
            }
        }
        for (JsonNode token : root.path("added_tokens")) {
            size = Math.max(size, token.path("id").intValue() + 1);
        }
        return size;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
