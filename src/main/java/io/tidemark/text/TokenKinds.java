package io.tidemark.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.model.InvalidModelException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What the tokens of a {@code tokenizer.json} stand for.
 *
 * @param splitCharacters whether the decoder is {@code ByteLevel}
 * @param special         tokens that are left out of decoded text
 * @param bytes           the tokens {@code <0x00>} to {@code <0xFF>}, which stand for one byte each; empty unless the
 *                        decoder is {@code ByteFallback}
 * @param texts           all tokens; the head of a model may have more outputs than there are tokens
 * @param longestBytes    the most bytes of a text, in UTF-8, that one token stands for; empty if the tokenizer may drop
 *                        text or make one token of any number of characters
 */
record TokenKinds(boolean splitCharacters, BitSet special, BitSet bytes, BitSet texts, OptionalInt longestBytes) {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

    /** Normalizers and pre-tokenizers that drop no text. The others are not known to keep all of it. */
    private static final Set<String> KEEPING = Set.of("ByteLevel", "Digits", "Metaspace", "Prepend");

    /** The bytes that occur in UTF-8. */
    private static final int UTF8_BYTES = 243;

    /** Reads the file once; its vocabulary may have tens of megabytes and is not kept. */
    static TokenKinds read(Path file) {
        ObjectNode fields = JsonNodeFactory.instance.objectNode();
        Vocabulary vocabulary = new Vocabulary();
        try (JsonParser json = JSON.createParser(file.toFile())) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                json.nextToken();
                if (field.equals("model")) {
                    fields.set(field, model(json, vocabulary));
                } else {
                    fields.set(field, json.readValueAsTree());
                }
            }
        } catch (IOException e) {
            throw InvalidModelException.broken(file, "is not JSON", e);
        }
        BitSet special = new BitSet();
        for (JsonNode token : fields.path("added_tokens")) {
            int id = token.path("id").intValue();
            special.set(id, token.path("special").booleanValue());
            vocabulary.texts.set(id);
        }
        return new TokenKinds(
                has("ByteLevel", fields.path("decoder")),
                special,
                has("ByteFallback", fields.path("decoder")) ? vocabulary.bytes : new BitSet(),
                vocabulary.texts,
                longestBytes(fields, vocabulary));
    }

    private static boolean has(String type, JsonNode step) {
        return step.findValuesAsText("type").contains(type);
    }

    /** The fields of a model but its vocabulary and merges. */
    private static ObjectNode model(JsonParser json, Vocabulary vocabulary) throws IOException {
        ObjectNode fields = JsonNodeFactory.instance.objectNode();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String field = json.currentName();
            JsonToken value = json.nextToken();
            if (field.equals("vocab") && value == JsonToken.START_OBJECT) {
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String token = json.currentName();
                    json.nextToken();
                    vocabulary.add(token, json.getIntValue());
                }
            } else if (field.equals("vocab") && value == JsonToken.START_ARRAY) {
                for (int id = 0; json.nextToken() == JsonToken.START_ARRAY; id++) {
                    json.nextToken();
                    vocabulary.add(json.getText(), id);
                    while (json.nextToken() != JsonToken.END_ARRAY) {
                        json.skipChildren();
                    }
                }
            } else if (value.isStructStart()) {
                json.skipChildren();
            } else {
                fields.set(field, json.readValueAsTree());
            }
        }
        return fields;
    }

    /** Whether decoding skips the token. */
    boolean isSilent(int token) {
        return special.get(token) || !splitCharacters && !texts.get(token);
    }

    private static OptionalInt longestBytes(JsonNode tokenizer, Vocabulary vocabulary) {
        JsonNode model = tokenizer.path("model");
        boolean bpe = model.path("type").asText("BPE").equals("BPE");
        boolean byteLevel =
                tokenizer.path("pre_tokenizer").findValuesAsText("type").contains("ByteLevel")
                        || tokenizer.path("normalizer").findValuesAsText("type").contains("ByteLevel");
        boolean byteFallback = model.path("byte_fallback").booleanValue();
        // without a token of its own, a character is dropped, or becomes one unknown token together with others
        boolean complete = byteLevel && vocabulary.alphabet.cardinality() >= UTF8_BYTES
                || byteFallback && vocabulary.bytes.cardinality() == 256;
        if (!bpe || !complete || !keeps(tokenizer.path("normalizer")) || !keeps(tokenizer.path("pre_tokenizer"))) {
            return OptionalInt.empty();
        }
        int longest = byteLevel ? vocabulary.longestCharacters : vocabulary.longestBytes;
        for (JsonNode token : tokenizer.path("added_tokens")) {
            if (token.path("lstrip").booleanValue() || token.path("rstrip").booleanValue()) {
                // drops the spaces beside it
                return OptionalInt.empty();
            }
            longest = Math.max(longest, utf8Bytes(token.path("content").asText()));
        }
        return OptionalInt.of(longest);
    }

    /** Whether a normalizer or pre-tokenizer keeps all text. It may make it longer. */
    private static boolean keeps(JsonNode step) {
        if (step.isMissingNode() || step.isNull()) {
            return true;
        }
        return switch (step.path("type").asText()) {
            case "Sequence" -> {
                for (JsonNode each : step.path(step.has("normalizers") ? "normalizers" : "pretokenizers")) {
                    if (!keeps(each)) {
                        yield false;
                    }
                }
                yield true;
            }
            case "Split" -> !step.path("behavior").asText("Removed").equals("Removed");
            case "Replace" ->
                step.path("pattern").has("String")
                        && utf8Bytes(step.path("content").asText())
                                >= utf8Bytes(step.path("pattern").path("String").asText());
            default -> KEEPING.contains(step.path("type").asText());
        };
    }

    private static int utf8Bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** What is kept of the vocabulary. */
    private static final class Vocabulary {

        private final BitSet texts = new BitSet();
        private final BitSet bytes = new BitSet();
        /** The characters with a token of their own that stand for a byte in byte-level tokens. */
        private final BitSet alphabet = new BitSet();

        private int longestCharacters;
        private int longestBytes;

        private void add(String token, int id) {
            texts.set(id);
            bytes.set(id, BYTE.matcher(token).matches());
            if (token.length() == 1 && isByteLevel(token.charAt(0))) {
                alphabet.set(token.charAt(0));
            }
            longestCharacters = Math.max(longestCharacters, token.length());
            longestBytes = Math.max(longestBytes, utf8Bytes(token));
        }

        /**
         * The characters of GPT-2's byte-level alphabet, without those of bytes that never occur in UTF-8. Printable
         * bytes are themselves, the others follow U+00FF.
         */
        private static boolean isByteLevel(char character) {
            boolean isPrintable = character > ' ' && character < 0x7F || character > 0xA0 && character < 0x100;
            boolean occurs = character != 0xC0 && character != 0xC1 && (character < 0xF5 || character > 0xFF);
            return (isPrintable && character != 0xAD || character > 0xFF && character < 0x144) && occurs;
        }
    }
}
