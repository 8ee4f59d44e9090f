package io.tidemark.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Folders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("the token behind a scored completion")
class CompletionEndTest {

    private static final Set<Integer> ENDS = new LinkedHashSet<>(List.of(1, 0, 2));

    private Path folder;

    @BeforeEach
    void copy(@TempDir Path temp) {
        folder = Folders.copyOfModel("llama-gqa", temp);
    }

    @Test
    @DisplayName("is the one that the tokenizer's settings call eos_token, wherever it stands among the model's")
    void isTheTokenizers() {
        assertThat(end(ENDS)).isEqualTo(2);
        Folders.edit(
                folder.resolve("tokenizer_config.json"),
                root -> root.putObject("eos_token").put("content", "<|endoftext|>"));
        assertThat(end(ENDS)).isZero();
    }

    @Test
    @DisplayName(
            "is the first that the model names where the tokenizer names another, or a text that is no token, or nothing")
    void isTheFirstOtherwise() throws IOException {
        assertThat(end(new LinkedHashSet<>(List.of(9, 1)))).isEqualTo(9);
        Folders.edit(folder.resolve("tokenizer_config.json"), root -> root.put("eos_token", "no token of this model"));
        assertThat(end(ENDS)).isEqualTo(1);
        Folders.edit(folder.resolve("tokenizer_config.json"), root -> root.putNull("eos_token"));
        assertThat(end(ENDS)).isEqualTo(1);
        Files.delete(folder.resolve("tokenizer_config.json"));
        assertThat(end(ENDS)).isEqualTo(1);
    }

    private int end(Set<Integer> ends) {
        try (TextTokenizer tokenizer = TextTokenizer.load(folder)) {
            return tokenizer.completionEnd(folder, ends);
        }
    }
}
