package io.tidemark.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.tidemark.model.ModelRefused;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The model's {@code tokenizer.json}, run by Hugging Face's own library. Safe for use by several threads. */
public final class TextTokenizer implements AutoCloseable {

    private final HuggingFaceTokenizer tokenizer;

    private final TokenKinds kinds;

    private TextTokenizer(HuggingFaceTokenizer tokenizer, TokenKinds kinds) {
        this.tokenizer = tokenizer;
        this.kinds = kinds;
    }

    /** @throws ModelRefused when the folder has no {@code tokenizer.json}, or a broken one */
    public static TextTokenizer load(Path folder) {
        Path file = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw ModelRefused.broken(file, "is missing");
        }
        try {
            // The binding cuts texts at 512 tokens unless it is told not to.
            HuggingFaceTokenizer tokenizer =
                    HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false", "padding", "false"));
            return new TextTokenizer(tokenizer, TokenKinds.read(file));
        } catch (IOException | RuntimeException e) {
            throw ModelRefused.broken(file, "is not a tokenizer: " + e.getMessage(), e);
        }
    }

    /** The tokens of a plain prompt, with the special tokens that the tokenizer itself puts around a text. */
    public List<Integer> encodePrompt(String text) {
        return encode(text, true);
    }

    /** The tokens of a rendered conversation or a completion: nothing is put around it. */
    public List<Integer> encodePlain(String text) {
        return encode(text, false);
    }

    /** The text of the tokens, special ones left out; half characters become U+FFFD. */
    public String decode(List<Integer> tokens) {
        return tokenizer.decode(tokens.stream().mapToLong(Integer::longValue).toArray(), true);
    }

    /** Whether decoding passes over the token as if it weren't there, such as an end of sequence. */
    public boolean isSilent(int token) {
        return kinds.isSilent(token);
    }

    /** Whether the token stands for one byte, and becomes text only with the bytes around it. */
    public boolean isByte(int token) {
        return kinds.bytes().get(token);
    }

    @Override
    public void close() {
        tokenizer.close();
    }

    private List<Integer> encode(String text, boolean special) {
        return Arrays.stream(tokenizer.encode(text, special, false).getIds())
                .mapToInt(Math::toIntExact)
                .boxed()
                .toList();
    }
}
