package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The format of a request's answer: OpenAI's {@code response_format}, or vLLM's {@code structured_outputs}. What these
 * fields may ask for beyond {@link AnswerFormat} is refused, because the text would be another one.
 *
 * @param format what a finished answer matches
 * @param field  the path of the field that has the format, such as {@code structured_outputs.regex}, for errors
 */
public record FormatFields(
        @JsonIgnore AnswerFormat format, @JsonIgnore String field) {

    private static final String OPENAI = "response_format";
    private static final String VLLM = "structured_outputs";

    /** The fields of {@code structured_outputs} of which a request has exactly one. */
    private static final List<String> FORMATS = List.of("json", "regex", "choice", "grammar");

    /** Fields of vLLM and others that change the format. Null and false have no effect. */
    static final List<String> UNSUPPORTED = List.of(
            "json_object",
            "structural_tag",
            "whitespace_pattern",
            "disable_any_whitespace",
            "disable_additional_properties");

    /** The fields of a request whose answer may be any text. */
    public static final FormatFields FREE_TEXT = new FormatFields(new AnswerFormat.FreeText(), OPENAI);

    /** Whether the answer may be any text. */
    @JsonIgnore
    public boolean isFreeText() {
        return format instanceof AnswerFormat.FreeText;
    }

    static FormatFields read(Fields fields) throws Fields.InvalidField {
        Optional<FormatFields> openAi = openAi(fields);
        Optional<FormatFields> vllm = vllm(fields);
        if (openAi.isPresent() && vllm.isPresent()) {
            throw new Fields.InvalidField(
                    "conflicting_fields",
                    fields.name(VLLM),
                    "only one of '" + OPENAI + "' and '" + VLLM + "' is allowed");
        }
        Optional<FormatFields> found = openAi.or(() -> vllm);
        if (found.isPresent() && fields.flag("ignore_eos", false)) {
            throw new Fields.InvalidField(
                    "conflicting_fields",
                    fields.name("ignore_eos"),
                    "'ignore_eos' is not allowed with '" + found.get().field + "': a complete answer must end");
        }
        return found.orElse(FREE_TEXT);
    }

    /** Reads {@code response_format}; empty for the type {@code text}, which is the default. */
    private static Optional<FormatFields> openAi(Fields fields) throws Fields.InvalidField {
        Optional<Fields> object = object(fields, OPENAI);
        if (object.isEmpty()) {
            return Optional.empty();
        }
        String type = object.get().requireText("type", 1, Fields.MAX_NAME_LENGTH);
        return switch (type) {
            case "text" -> Optional.empty();
            case "json_object" -> {
                // some servers read a schema here
                refuse(object.get(), List.of("schema"));
                yield Optional.of(new FormatFields(new AnswerFormat.JsonObject(), fields.name(OPENAI)));
            }
            case "json_schema" -> Optional.of(jsonSchema(object.get()));
            default ->
                throw new Fields.InvalidField(
                        "unsupported_field",
                        object.get().name("type"),
                        "'" + object.get().name("type") + "' must be 'text', 'json_object' or 'json_schema'");
        };
    }

    /** {@code strict} is checked and has no effect: each schema is enforced. */
    private static FormatFields jsonSchema(Fields format) throws Fields.InvalidField {
        Fields named = Fields.of(format.require("json_schema"), format.name("json_schema"));
        named.text("name", 1, Fields.MAX_NAME_LENGTH);
        named.text("description", 0, Integer.MAX_VALUE);
        named.flag("strict", false);
        return schema(Fields.of(named.require("schema"), named.name("schema")));
    }

    private static Optional<FormatFields> vllm(Fields fields) throws Fields.InvalidField {
        Optional<Fields> object = object(fields, VLLM);
        if (object.isEmpty()) {
            return Optional.empty();
        }
        Fields options = object.get();
        refuse(options, UNSUPPORTED);
        List<String> present =
                FORMATS.stream().filter(name -> options.find(name).isPresent()).toList();
        if (present.size() != 1) {
            throw new Fields.InvalidField(
                    present.isEmpty() ? "missing_field" : "conflicting_fields",
                    options.path(),
                    "'" + options.path() + "' must have exactly one of 'json', 'regex', 'choice' and 'grammar'");
        }
        String name = present.get(0);
        String field = options.name(name);
        return Optional.of(
                switch (name) {
                    case "json" -> json(options.require(name), field);
                    case "regex" -> new FormatFields(new AnswerFormat.Regex(text(options, name)), field);
                    case "choice" -> new FormatFields(choice(options.require(name), field), field);
                    default -> new FormatFields(new AnswerFormat.Grammar(text(options, name)), field);
                });
    }

    /** A schema is an object, or its JSON in a string. */
    private static FormatFields json(JsonNode value, String field) throws Fields.InvalidField {
        if (!value.isTextual()) {
            return schema(Fields.of(value, field));
        }
        ObjectNode parsed = TopicJson.parseObject(value.textValue())
                .orElseThrow(() -> new Fields.InvalidField(
                        "invalid_value", field, "the text of '" + field + "' must be the JSON of an object"));
        FormatFields compact = schema(new Fields(parsed, field));
        // 1e6 is longer when it is written again, and the estimate of the heap has the size of the request
        boolean isLonger = ((AnswerFormat.JsonSchema) compact.format).schema().length()
                > value.textValue().length();
        return isLonger ? new FormatFields(new AnswerFormat.JsonSchema(value.textValue()), field) : compact;
    }

    private static FormatFields schema(Fields schema) throws Fields.InvalidField {
        schema.requirePortable();
        return new FormatFields(new AnswerFormat.JsonSchema(schema.object().toString()), schema.path());
    }

    private static String text(Fields options, String name) throws Fields.InvalidField {
        return options.requireText(name, 1, Integer.MAX_VALUE);
    }

    /** A text that appears twice counts once. */
    private static AnswerFormat.OneOfTexts choice(JsonNode list, String name) throws Fields.InvalidField {
        if (!list.isArray()) {
            throw Fields.wrongType(name, "a list of strings", list);
        }
        if (list.isEmpty()) {
            throw new Fields.InvalidField("invalid_value", name, "'" + name + "' must have at least one text");
        }
        Set<String> texts = new LinkedHashSet<>();
        int index = 0;
        for (JsonNode element : list) {
            texts.add(Fields.text(element, name + "[" + index + "]", 1, Integer.MAX_VALUE));
            index++;
        }
        return new AnswerFormat.OneOfTexts(new ArrayList<>(texts));
    }

    private static Optional<Fields> object(Fields fields, String name) throws Fields.InvalidField {
        Optional<JsonNode> found = fields.find(name);
        return found.isEmpty() ? Optional.empty() : Optional.of(Fields.of(found.get(), fields.name(name)));
    }

    private static void refuse(Fields fields, List<String> names) throws Fields.InvalidField {
        for (String name : names) {
            boolean changes = fields.find(name)
                    .filter(value -> !value.isBoolean() || value.booleanValue())
                    .isPresent();
            if (changes) {
                throw new Fields.InvalidField(
                        "unsupported_field",
                        fields.name(name),
                        "'" + fields.name(name) + "' is not supported and would change the text; leave it out");
            }
        }
    }

    /** The field as a sender writes it. */
    @JsonProperty(OPENAI)
    Optional<JsonNode> responseFormat() {
        if (isFreeText() || field.startsWith(VLLM)) {
            return Optional.empty();
        }
        ObjectNode written = JsonNodeFactory.instance.objectNode();
        if (format instanceof AnswerFormat.JsonSchema schema) {
            written.put("type", "json_schema")
                    .putObject("json_schema")
                    .put("name", "answer")
                    .putRawValue("schema", new RawValue(schema.schema()));
        } else {
            written.put("type", "json_object");
        }
        return Optional.of(written);
    }

    /** The field as a sender writes it. */
    @JsonProperty(VLLM)
    Optional<JsonNode> structuredOutputs() {
        if (!field.startsWith(VLLM)) {
            return Optional.empty();
        }
        ObjectNode written = JsonNodeFactory.instance.objectNode();
        if (format instanceof AnswerFormat.JsonSchema schema) {
            written.putRawValue("json", new RawValue(schema.schema()));
        } else if (format instanceof AnswerFormat.Regex regex) {
            written.put("regex", regex.regex());
        } else if (format instanceof AnswerFormat.OneOfTexts choice) {
            choice.texts().forEach(written.putArray("choice")::add);
        } else if (format instanceof AnswerFormat.Grammar grammar) {
            written.put("grammar", grammar.lark());
        }
        return Optional.of(written);
    }
}
