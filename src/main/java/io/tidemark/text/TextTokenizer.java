package io.tidemark.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/** The tokenizer of a model: {@code tokenizer.json}, run by Hugging Face's tokenizers library. Thread-safe. */
public final class TextTokenizer implements AutoCloseable {

    private final HuggingFaceTokenizer tokenizer;
    private final TokenKinds kinds;

    private TextTokenizer(HuggingFaceTokenizer tokenizer, TokenKinds kinds) {
        this.tokenizer = tokenizer;
        this.kinds = kinds;
    }

    /** @throws InvalidModelException if {@code tokenizer.json} is missing or broken */
    public static TextTokenizer load(Path folder) {
        Path file = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw InvalidModelException.broken(file, "is missing");
        }
        try {
            // By default the binding truncates texts to 512 tokens.
            HuggingFaceTokenizer tokenizer =
                    HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false", "padding", "false"));
            return new TextTokenizer(tokenizer, TokenKinds.read(file));
        } catch (IOException | RuntimeException e) {
            throw InvalidModelException.broken(file, "is not a tokenizer: " + e.getMessage(), e);
        }
    }

    /** The tokens of a prompt, with the special tokens that the tokenizer adds to a text. */
    public List<Integer> encodePrompt(String text) {
        return encode(text, true);
    }

    /** The tokens of a rendered chat or of a completion, without added special tokens. */
    public List<Integer> encodePlain(String text) {
        return encode(text, false);
    }

    /** The text of the tokens, without special tokens; incomplete characters become U+FFFD. */
    public String decode(List<Integer> tokens) {
        return tokenizer.decode(tokens.stream().mapToLong(Integer::longValue).toArray(), true);
    }

    /**
     * The most bytes, in UTF-8, of a text that becomes at most this number of tokens. A longer text has more tokens.
     *
     * @return empty if no such length is known, because the tokenizer may drop text or merge any number of characters
     */
    public OptionalLong mostBytes(int tokens) {
        OptionalInt longest = kinds.longestBytes();
        return longest.isPresent() ? OptionalLong.of((long) tokens * longest.getAsInt()) : OptionalLong.empty();
    }

    /** Whether decoding skips the token, such as an end-of-sequence token. */
    boolean isSilent(int token) {
        return kinds.isSilent(token);
    }

    /** Whether the token stands for one byte, which becomes text together with neighbouring bytes. */
    boolean isByte(int token) {
        return kinds.bytes().get(token);
    }

    /** Whether a token may have a part of a character: the decoder makes text of the bytes of all tokens together. */
    boolean splitsCharacters() {
        return kinds.splitCharacters();
    }

    /**
     * The end-of-sequence token that follows a scored completion: {@code eos_token} of {@code tokenizer_config.json},
     * which trainers append and chat templates use to end a message, if it is one of the model's end-of-sequence
     * tokens; else the first of these.
     *
     * @param folder the model folder
     * @param ends   the model's end-of-sequence tokens in the order of its files, at least one
     */
    public int completionEnd(Path folder, Set<Integer> ends) {
        Path config = folder.resolve("tokenizer_config.json");
        if (Files.isRegularFile(config)) {
            JsonNode eosToken = JsonFields.read(config).root().path("eos_token");
            List<Integer> tokens = encodePlain(eosToken.path("content").asText(eosToken.asText("")));
            if (tokens.size() == 1 && ends.contains(tokens.get(0))) {
                return tokens.get(0);
            }
        }
        return ends.iterator().next();
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
