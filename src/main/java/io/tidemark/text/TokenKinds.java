package io.tidemark.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.tidemark.model.ModelRefused;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.regex.Pattern;

/**
 * Which tokens of a {@code tokenizer.json} have no text, and which stand for one byte.
 *
 * @param special left out of decoded text
 * @param bytes   {@code <0x00>} to {@code <0xFF>}, where the decoder puts such together ({@code ByteFallback})
 * @param texts   all that have text, where there are bytes; a model's head may be wider than its vocabulary
 */
record TokenKinds(BitSet special, BitSet bytes, BitSet texts) {

    private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

    /** A vocabulary may have tens of megabytes: it is passed over unless there are bytes to be found in it. */
    static TokenKinds read(Path file) {
        JsonNode added = MissingNode.getInstance();
        JsonNode decoder = MissingNode.getInstance();
        JsonNode model = MissingNode.getInstance();
        try (JsonParser json = new ObjectMapper().createParser(file.toFile())) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                if (field.equals("model")
                        && !added.isMissingNode()
                        && !decoder.isMissingNode()
                        && !joinsBytes(decoder)) {
                    break; // nothing is wanted of it, and only the model is long
                }
                json.nextToken();
                if (field.equals("added_tokens")) {
                    added = json.readValueAsTree();
                } else if (field.equals("decoder")) {
                    decoder = json.readValueAsTree();
                } else if (field.equals("model") && (decoder.isMissingNode() || joinsBytes(decoder))) {
                    model = json.readValueAsTree();
                } else {
                    json.skipChildren();
                }
            }
        } catch (IOException e) {
            throw ModelRefused.broken(file, "is not JSON", e);
        }
        TokenKinds kinds = new TokenKinds(new BitSet(), new BitSet(), new BitSet());
        if (joinsBytes(decoder)) {
            kinds.sort(model.path("vocab"));
        }
        added.forEach(token -> kinds.special()
                .set(token.path("id").intValue(), token.path("special").booleanValue()));
        added.forEach(token -> kinds.texts().set(token.path("id").intValue()));
        return kinds;
    }

    /** Whether decoding passes over the token as if it weren't there. */
    boolean isSilent(int token) {
        return special.get(token) || !bytes.isEmpty() && !texts.get(token);
    }

    private static boolean joinsBytes(JsonNode decoder) {
        return decoder.findValuesAsText("type").contains("ByteFallback");
    }

    /** A vocabulary is an object of ids by token, or a list of pairs of token and score. */
    private void sort(JsonNode vocabulary) {
        vocabulary.fields().forEachRemaining(e -> sort(e.getKey(), e.getValue().intValue()));
        for (int id = 0; vocabulary.isArray() && id < vocabulary.size(); id++) {
            sort(vocabulary.get(id).path(0).asText(), id);
        }
    }

    private void sort(String token, int id) {
        texts.set(id);
        bytes.set(id, BYTE.matcher(token).matches());
    }
}
