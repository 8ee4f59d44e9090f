package io.tidemark.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The tokens that templates know by name, such as {@code bos_token}: every field of {@code tokenizer_config.json} whose
 * name ends in {@code _token}, and the named ones among its {@code extra_special_tokens}. Folders written by older versions
 * of transformers have some in {@code special_tokens_map.json}.
 */
final class SpecialTokens {

    private SpecialTokens() {}

    static Map<String, Object> read(Path folder) {
        Map<String, Object> tokens = new HashMap<>();
        Path config = folder.resolve("tokenizer_config.json");
        Path map = folder.resolve("special_tokens_map.json");
        boolean complete = false;
        if (Files.isRegularFile(config)) {
            JsonNode root = JsonFields.read(config).root();
            collect(root, tokens);
            root.path("extra_special_tokens").fields().forEachRemaining(e -> put(e.getKey(), e.getValue(), tokens));
            complete = root.has("added_tokens_decoder");
        }
        if (!complete && Files.isRegularFile(map)) {
            collect(JsonFields.read(map).root(), tokens);
        }
        return tokens;
    }

    private static void collect(JsonNode fields, Map<String, Object> tokens) {
        fields.fields().forEachRemaining(e -> {
            if (e.getKey().endsWith("_token")) {
                put(e.getKey(), e.getValue(), tokens);
            }
        });
    }

    private static void put(String name, JsonNode token, Map<String, Object> tokens) {
        JsonNode text = token.isObject() ? token.path("content") : token;
        if (text.isTextual()) {
            tokens.put(name, text.textValue());
        }
    }
}
