package io.tidemark.grammar;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.tidemark.model.InvalidModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/**
 * The bytes that each token of a vocabulary adds to a text, and which tokens end a sequence. The concatenated bytes of
 * an answer's tokens are the UTF-8 bytes of its decoded text. Immutable.
 *
 * <p>Special tokens and ids without a token have no bytes. SentencePiece's decoders drop the space at the start of a
 * text, so that a first token can have other bytes than a later one.
 */
public final class TokenBytes {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final byte[][] later;
    private final Optional<byte[][]> first;
    private final int[] ends;

    private TokenBytes(byte[][] later, Optional<byte[][]> first, int[] ends) {
        this.later = later;
        this.first = first;
        this.ends = ends;
    }

    /**
     * Reads {@code tokenizer.json}.
     *
     * @param folder     the model folder
     * @param vocabulary the number of logits, which may be larger or smaller than the number of tokens
     * @param ends       the model's end-of-sequence tokens; those outside of the vocabulary are left out
     * @throws InvalidModelException       if {@code tokenizer.json} is missing or broken
     * @throws GrammarUnavailableException if the decoder of the tokenizer is of an unsupported kind
     */
    public static TokenBytes read(Path folder, int vocabulary, Set<Integer> ends) {
        Path file = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw InvalidModelException.broken(file, "is missing");
        }
        String[] texts = new String[vocabulary];
        JsonNode added = MissingNode.getInstance();
        JsonNode decoder = MissingNode.getInstance();
        try (JsonParser json = JSON.createParser(file.toFile())) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                json.nextToken();
                switch (field) {
                    case "added_tokens" -> added = json.readValueAsTree();
                    case "decoder" -> decoder = json.readValueAsTree();
                    case "model" -> readModel(json, texts);
                    default -> json.skipChildren();
                }
            }
        } catch (IOException e) {
            throw InvalidModelException.broken(file, "is not JSON", e);
        }
        for (JsonNode token : added) {
            int id = token.path("id").intValue();
            if (id >= 0 && id < vocabulary) {
                texts[id] = token.path("special").booleanValue()
                        ? null
                        : token.path("content").asText();
            }
        }
        int[] inside = ends.stream()
                .mapToInt(Integer::intValue)
                .filter(id -> id >= 0 && id < vocabulary)
                .sorted()
                .toArray();
        return of(texts, TokenDecoder.read(decoder, file), inside);
    }

    private static TokenBytes of(String[] texts, TokenDecoder decoder, int[] ends) {
        byte[][] later = new byte[texts.length][];
        byte[][] first = new byte[texts.length][];
        for (int id = 0; id < texts.length; id++) {
            later[id] = texts[id] == null ? new byte[0] : decoder.bytes(texts[id], false);
            first[id] = texts[id] == null ? new byte[0] : decoder.bytes(texts[id], true);
        }
        return new TokenBytes(later, Arrays.deepEquals(later, first) ? Optional.empty() : Optional.of(first), ends);
    }

    private static void readModel(JsonParser json, String[] texts) throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            json.skipChildren();
            return;
        }
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            boolean vocabulary = json.currentName().equals("vocab");
            JsonToken start = json.nextToken();
            if (vocabulary && start == JsonToken.START_OBJECT) {
                readIds(json, texts);
            } else if (vocabulary && start == JsonToken.START_ARRAY) {
                readScores(json, texts);
            } else {
                json.skipChildren();
            }
        }
    }

    /** Reads the ids from an object whose fields are the tokens. */
    private static void readIds(JsonParser json, String[] texts) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String text = json.currentName();
            json.nextToken();
            int id = json.getIntValue();
            if (id >= 0 && id < texts.length) {
                texts[id] = text;
            }
        }
    }

    /** A list of pairs of token and score. */
    private static void readScores(JsonParser json, String[] texts) throws IOException {
        for (int id = 0; json.nextToken() != JsonToken.END_ARRAY; id++) {
            JsonNode pair = json.readValueAsTree();
            if (id < texts.length) {
                texts[id] = pair.path(0).asText();
            }
        }
    }

    /** The number of logits. */
    public int vocabulary() {
        return later.length;
    }

    /** A copy of the bytes that a token adds after another token; empty for special tokens. */
    public byte[] later(int token) {
        return later[token].clone();
    }

    /** A copy of the bytes of a token at the start of a text; empty for special tokens. */
    public byte[] first(int token) {
        return first.orElse(later)[token].clone();
    }

    /** Whether the first token of a text is decoded in another way than later ones. */
    boolean hasFirst() {
        return first.isPresent();
    }

    int[] ends() {
        return ends.clone();
    }
}
