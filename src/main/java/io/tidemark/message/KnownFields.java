package io.tidemark.message;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The fields of an object of a request that Tidemark reads or refuses, with those of the objects in it. {@link #others}
 * finds the fields that have no effect. Values of any form are not searched: JSON Schemas, tools, and tool calls, which
 * go to the chat template as they are. Immutable.
 *
 * @param read    the fields that are read, with the fields of their value, or of each object in their list
 * @param refused fields that are refused unless their value has no effect
 */
record KnownFields(Map<String, KnownFields> read, Set<String> refused) {

    /** Fields of senders begin with this. They are never named. */
    private static final String OF_SENDERS = "x_";

    /** The most names of a request. */
    static final int MAX_NAMES = 16;

    /** The most characters of a name. */
    static final int MAX_NAME_LENGTH = 64;

    /** A value that is no object, or one of any form. */
    private static final KnownFields ANY = of();

    private static final KnownFields MESSAGE = of(
                    "role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content")
            .with("content", of("type", "text"));

    private static final KnownFields RESPONSE_FORMAT =
            of("type", "json_schema").with("json_schema", of("name", "description", "strict", "schema"));

    /** The fields of a request. */
    static final KnownFields REQUEST = of(
                    "id", "priority", "deadline", "timeout_ms", "model", "prompt", "messages", "tools")
            .and("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias")
            .and("repetition_penalty", "presence_penalty", "frequency_penalty")
            .and("max_tokens", "max_completion_tokens", "min_tokens", "stop", "stop_token_ids", "ignore_eos")
            .and("n", "logprobs", "top_logprobs", "user", "stream", "boundary")
            .with("messages", MESSAGE)
            .with("response_format", RESPONSE_FORMAT)
            .with("structured_outputs", of("json", "regex", "choice", "grammar").refusing(FormatFields.UNSUPPORTED))
            .refusing(RequestMessage.UNSUPPORTED.keySet());

    KnownFields {
        read = Map.copyOf(read);
        refused = Set.copyOf(refused);
    }

    private static KnownFields of(String... names) {
        return new KnownFields(Map.of(), Set.of()).and(names);
    }

    private KnownFields and(String... names) {
        KnownFields all = this;
        for (String name : names) {
            all = all.with(name, ANY);
        }
        return all;
    }

    private KnownFields with(String name, KnownFields fields) {
        Map<String, KnownFields> all = new HashMap<>(read);
        all.put(name, fields);
        return new KnownFields(all, refused);
    }

    private KnownFields refusing(Iterable<String> names) {
        Set<String> all = new HashSet<>(refused);
        names.forEach(all::add);
        return new KnownFields(read, all);
    }

    /**
     * The first fields of an object that have no effect, at most {@value #MAX_NAMES}: those of the object itself before
     * those of the objects in it. Takes time in proportion to the size of the object.
     */
    List<UnknownField> others(ObjectNode object) {
        List<UnknownField> found = new ArrayList<>();
        collect(object, "", found);
        return found;
    }

    private void collect(JsonNode value, String path, List<UnknownField> found) {
        if (read.isEmpty() || found.size() == MAX_NAMES) {
            return;
        }
        if (value instanceof ObjectNode object) {
            collectOwn(object, path, found);
            for (Map.Entry<String, JsonNode> field : object.properties()) {
                KnownFields inner = read.get(field.getKey());
                if (inner != null && !inner.read.isEmpty()) {
                    inner.collect(field.getValue(), path(path, field.getKey()), found);
                }
            }
        } else if (value.isArray()) {
            for (int i = 0; i < value.size() && found.size() < MAX_NAMES; i++) {
                collect(value.get(i), path + "[" + i + "]", found);
            }
        }
    }

    private void collectOwn(ObjectNode object, String path, List<UnknownField> found) {
        for (Map.Entry<String, JsonNode> field : object.properties()) {
            String name = field.getKey();
            boolean isOther = !read.containsKey(name) && !refused.contains(name) && !name.startsWith(OF_SENDERS);
            if (isOther && !field.getValue().isNull()) {
                if (found.size() == MAX_NAMES) {
                    return;
                }
                found.add(new UnknownField(shown(path(path, name)), name, read.keySet()));
            }
        }
    }

    private static String path(String path, String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    /** Cut to {@link #MAX_NAME_LENGTH}; an unpaired surrogate, which has no UTF-8, is a question mark. */
    private static String shown(String path) {
        String text = path.length() <= MAX_NAME_LENGTH ? path : path.substring(0, MAX_NAME_LENGTH - 1) + "…";
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }
}
