package io.tidemark.client;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import com.github.victools.jsonschema.generator.CustomDefinition;
import com.github.victools.jsonschema.generator.FieldScope;
import com.github.victools.jsonschema.generator.Option;
import com.github.victools.jsonschema.generator.OptionPreset;
import com.github.victools.jsonschema.generator.SchemaGenerator;
import com.github.victools.jsonschema.generator.SchemaGeneratorConfigBuilder;
import com.github.victools.jsonschema.generator.SchemaVersion;
import com.github.victools.jsonschema.module.jackson.JacksonModule;
import com.github.victools.jsonschema.module.jackson.JacksonOption;
import java.util.Optional;

/**
 * The JSON Schema of a class, in the keywords that the service enforces, and answers as objects of that class. Both use
 * the same annotations of Jackson.
 */
final class AnswerSchema {

    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModules(new Jdk8Module(), new JavaTimeModule())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private AnswerSchema() {}

    /** @throws IllegalArgumentException for a class without fields, which would accept any JSON */
    static ObjectNode of(Class<?> type) {
        ObjectNode schema = generator().generateSchema(type);
        if (schema.isEmpty()) {
            throw new IllegalArgumentException(
                    type.getName() + " has no fields, so its schema is any JSON; use a record or a class with fields");
        }
        return schema;
    }

    private static SchemaGenerator generator() {
        SchemaGeneratorConfigBuilder config = new SchemaGeneratorConfigBuilder(
                        JSON, SchemaVersion.DRAFT_2020_12, OptionPreset.PLAIN_JSON)
                .without(Option.SCHEMA_VERSION_INDICATOR, Option.FLATTENED_ENUMS)
                .with(
                        Option.FORBIDDEN_ADDITIONAL_PROPERTIES_BY_DEFAULT,
                        Option.MAP_VALUES_AS_ADDITIONAL_PROPERTIES,
                        Option.FLATTENED_OPTIONALS,
                        Option.STANDARD_FORMATS)
                .with(new JacksonModule(JacksonOption.RESPECT_JSONPROPERTY_ORDER));
        config.forFields().withRequiredCheck(field -> !isOptional(field));
        config.forTypesInGeneral().withCustomDefinitionProvider((type, context) -> constants(type.getErasedType()));
        // the model writes fields in the order of the schema: that of the class, not the alphabetical one
        config.forTypesInGeneral().withPropertySorter((first, second) -> 0);
        return new SchemaGenerator(config.build());
    }

    /** The constants of an enum as Jackson reads them; null for another class, as the generator has it. */
    private static CustomDefinition constants(Class<?> type) {
        if (!type.isEnum()) {
            return null;
        }
        ObjectNode definition = JSON.createObjectNode();
        ArrayNode constants = definition.putArray("enum");
        for (Object constant : type.getEnumConstants()) {
            constants.add(JSON.<JsonNode>valueToTree(constant));
        }
        return new CustomDefinition(
                definition, CustomDefinition.DefinitionType.INLINE, CustomDefinition.AttributeInclusion.NO);
    }

    private static boolean isOptional(FieldScope field) {
        return field.getRawMember().getType() == Optional.class;
    }

    /** @throws ClientException.Unreadable if the text of the first choice is not such JSON */
    static <T> T read(RequestResult result, Class<T> type) {
        String answer = "the answer of request '" + result.id() + "'";
        String text = result.text();
        try {
            T value = JSON.readValue(text, type);
            if (value == null) {
                throw new ClientException.Unreadable(answer + " is JSON's null, and no " + type.getSimpleName());
            }
            return value;
        } catch (JsonProcessingException e) {
            if (!result.finishReason().equals("stop")) {
                throw new ClientException.Unreadable(
                        answer + " is only the beginning of a " + type.getSimpleName() + ": its finish reason is '"
                                + result.finishReason() + "'; raise maxTokens, or bound the schema");
            }
            JsonLocation location = e.getLocation();
            throw new ClientException.Unreadable(
                    answer + " is not the JSON of a " + type.getSimpleName()
                            + (location == null
                                    ? ""
                                    : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")")
                            + "; the request needs jsonSchema(" + type.getSimpleName() + ".class)",
                    e);
        }
    }
}
