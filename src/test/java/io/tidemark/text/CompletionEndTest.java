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

@DisplayName("End-of-sequence token of a scored completion")
class CompletionEndTest {

    private static final Set<Integer> ENDS = new LinkedHashSet<>(List.of(1, 0, 2));

    private Path folder;

    @BeforeEach
    void copy(@TempDir Path temp) {
        folder = Folders.copyOfModel("llama-gqa", temp);
    }

    @Test
    @DisplayName("eos_token of tokenizer_config.json is used if it is one of the model's end-of-sequence tokens")
    void isTheTokenizers() {
        assertThat(end(ENDS)).isEqualTo(2);
        Folders.edit(
                folder.resolve("tokenizer_config.json"),
                root -> root.putObject("eos_token").put("content", "<|endoftext|>"));
        assertThat(end(ENDS)).isZero();
    }

    @Test
    @DisplayName("Otherwise the model's first end-of-sequence token is used")
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
