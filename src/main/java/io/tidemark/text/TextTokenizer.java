package io.tidemark.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** The tokenizer of a model: {@code tokenizer.json}, run by Hugging Face's tokenizers library. Thread-safe. */
public final class TextTokenizer implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();

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

    /**
     * The kinds of tokens in a {@code tokenizer.json}.
     *
     * @param splitCharacters whether the decoder is {@code ByteLevel}
     * @param special         tokens that are left out of decoded text
     * @param bytes           the tokens {@code <0x00>} to {@code <0xFF>}, which stand for one byte each; empty unless
     *                        the decoder is {@code ByteFallback}
     * @param texts           all tokens, unless the decoder is {@code ByteLevel}; the head of a model may have more
     *                        outputs than there are tokens
     */
    private record TokenKinds(boolean splitCharacters, BitSet special, BitSet bytes, BitSet texts) {

        private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

        /** Skips the vocabulary, which may have tens of megabytes, if the decoder is {@code ByteLevel}. */
        static TokenKinds read(Path file) {
            JsonNode added = MissingNode.getInstance();
            JsonNode decoder = MissingNode.getInstance();
            JsonNode model = MissingNode.getInstance();
            try (JsonParser json = JSON.createParser(file.toFile())) {
                json.nextToken();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String field = json.currentName();
                    if (field.equals("model")
                            && !added.isMissingNode()
                            && !decoder.isMissingNode()
                            && has("ByteLevel", decoder)) {
                        break; // the rest of the file has nothing to read
                    }
                    json.nextToken();
                    if (field.equals("added_tokens")) {
                        added = json.readValueAsTree();
                    } else if (field.equals("decoder")) {
                        decoder = json.readValueAsTree();
                    } else if (field.equals("model") && !has("ByteLevel", decoder)) {
                        model = json.readValueAsTree();
                    } else {
                        json.skipChildren();
                    }
                }
            } catch (IOException e) {
                throw InvalidModelException.broken(file, "is not JSON", e);
            }
            TokenKinds kinds = new TokenKinds(has("ByteLevel", decoder), new BitSet(), new BitSet(), new BitSet());
            if (!kinds.splitCharacters()) {
                kinds.add(model.path("vocab"), has("ByteFallback", decoder));
            }
            added.forEach(token -> kinds.special()
                    .set(token.path("id").intValue(), token.path("special").booleanValue()));
            added.forEach(token -> kinds.texts().set(token.path("id").intValue()));
            return kinds;
        }

        /** Whether decoding skips the token. */
        boolean isSilent(int token) {
            return special.get(token) || !splitCharacters && !texts.get(token);
        }

        private static boolean has(String type, JsonNode decoder) {
            return decoder.findValuesAsText("type").contains(type);
        }

        /** A vocabulary is an object from token to id, or a list of pairs of token and score. */
        private void add(JsonNode vocabulary, boolean hasBytes) {
            vocabulary
                    .fields()
                    .forEachRemaining(e -> add(e.getKey(), e.getValue().intValue(), hasBytes));
            for (int id = 0; vocabulary.isArray() && id < vocabulary.size(); id++) {
                add(vocabulary.get(id).path(0).asText(), id, hasBytes);
            }
        }

        private void add(String token, int id, boolean hasBytes) {
            texts.set(id);
            bytes.set(id, hasBytes && BYTE.matcher(token).matches());
        }
    }
}
