package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.tidemark.message.AnswerFormat;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Random documents of random schemas")
class RandomSchemasTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final List<String> PATTERNS =
            List.of("^[a-z]{1,5}$", "ab", "^\\d+-\\w*$", "^[^a]+$", "^.{2,4}$", "x|^y", "^(a|bc){1,3}$");
    /** Without email: the validator knows a list of top-level domains. */
    private static final List<String> FORMATS =
            List.of("date", "time", "date-time", "uuid", "ipv4", "ipv6", "duration");

    @Test
    @DisplayName("Are valid for the validator of networknt, whatever tokens the masks let through")
    void areValid() throws Exception {
        Random random = new Random(26);
        SchemaRegistry registry = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
        List<String> invalid = new ArrayList<>();
        int refused = 0;
        int cut = 0;
        int finished = 0;
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            for (int i = 0; i < Integer.getInteger("tidemark.test.schemas", 2000); i++) {
                String schema = JSON.writeValueAsString(schema(random, 3));
                CompiledGrammar grammar;
                try {
                    grammar = formats.compiler().compile(new AnswerFormat.JsonSchema(schema));
                } catch (GrammarException e) {
                    refused++;
                    continue;
                }
                Optional<String> document = walk(formats, grammar, random);
                grammar.close();
                if (document.isEmpty()) {
                    cut++;
                    continue;
                }
                finished++;
                JSON.readTree(document.get());
                List<Error> problems = registry.getSchema(schema)
                        .validate(
                                document.get(),
                                InputFormat.JSON,
                                context -> context.executionConfig(config -> config.formatAssertionsEnabled(true)));
                if (!problems.isEmpty()) {
                    invalid.add(document.get() + " for " + schema + ": " + problems);
                }
            }
        }
        System.out.println(finished + " documents valid, " + cut + " cut, " + refused + " schemas refused");
        assertThat(invalid).isEmpty();
        assertThat(finished).isGreaterThan(500);
    }

    /** Any allowed tokens, most often short ones, so that documents end; none if a document does not end. */
    private static Optional<String> walk(Formats formats, CompiledGrammar grammar, Random random) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int last = -1;
        try (GrammarState state = grammar.start()) {
            for (int step = 0; step < 400; step++) {
                RowStatus status = formats.next(state, last);
                assertThat(status).isNotInstanceOf(RowStatus.Failed.class);
                boolean ends = formats.isSet(Formats.END) && random.nextInt(3) == 0;
                if (ends || status.equals(RowStatus.ENDED)) {
                    return Optional.of(bytes.toString(StandardCharsets.UTF_8));
                }
                List<Integer> allowed = formats.allowed();
                allowed.remove((Integer) Formats.END);
                List<Integer> closing = allowed.stream()
                        .filter(token -> "\"}],:"
                                .contains(new String(formats.vocabulary().later(token), StandardCharsets.UTF_8)))
                        .toList();
                List<Integer> from = closing.isEmpty() || random.nextInt(4) > 0 ? allowed : closing;
                last = from.get(random.nextInt(from.size()));
                bytes.writeBytes(formats.vocabulary().later(last));
            }
        }
        return Optional.empty();
    }

    private static ObjectNode schema(Random random, int depth) {
        ObjectNode schema = NODES.objectNode();
        switch (random.nextInt(depth > 0 ? 9 : 6)) {
            case 0 -> {
                schema.put("type", "string");
                if (random.nextBoolean()) {
                    schema.put("pattern", PATTERNS.get(random.nextInt(PATTERNS.size())));
                } else {
                    schema.put("minLength", random.nextInt(3)).put("maxLength", 2 + random.nextInt(9));
                }
            }
            case 1 -> {
                schema.put("type", random.nextBoolean() ? "integer" : "number");
                if (random.nextBoolean()) {
                    schema.put("minimum", random.nextInt(50) - 25)
                            .put("exclusiveMaximum", 30 + random.nextInt(500) / 4.0);
                    if (random.nextInt(3) == 0) { // within bounds, because the validator divides floating point numbers
                        schema.put("multipleOf", random.nextBoolean() ? 3 : 0.25);
                    }
                }
            }
            case 2 ->
                schema.set(
                        "enum",
                        NODES.arrayNode()
                                .add("a")
                                .add(random.nextInt(100))
                                .add(1.5)
                                .addNull()
                                .add(true)
                                .add("é\"\n"));
            case 3 -> schema.putArray("type").add("boolean").add("null");
            case 4 -> schema.put("type", "string").put("format", FORMATS.get(random.nextInt(FORMATS.size())));
            case 5 ->
                schema.set(
                        "const", NODES.objectNode().put("k", random.nextInt(9)).put("l", "x"));
            case 6 -> {
                schema.put("type", "array").put("minItems", random.nextInt(3)).put("maxItems", 2 + random.nextInt(3));
                schema.set("items", schema(random, depth - 1));
                if (random.nextInt(3) == 0) {
                    schema.putArray("prefixItems").add(schema(random, depth - 1));
                }
            }
            case 7 -> {
                ArrayNode options =
                        schema.putArray(random.nextInt(3) > 0 ? "anyOf" : random.nextBoolean() ? "oneOf" : "allOf");
                options.add(schema(random, depth - 1)).add(schema(random, depth - 1));
            }
            default -> object(schema, random, depth);
        }
        return schema;
    }

    private static void object(ObjectNode schema, Random random, int depth) {
        schema.put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        List<String> names = new ArrayList<>(List.of("a", "b", "name", "é"));
        names.removeIf(name -> random.nextInt(3) == 0);
        names.forEach(name -> properties.set(name, schema(random, depth - 1)));
        ArrayNode required = schema.putArray("required");
        names.stream().filter(name -> random.nextBoolean()).forEach(required::add);
        if (random.nextInt(4) == 0) {
            required.add("other");
        }
        switch (random.nextInt(4)) {
            case 0 -> schema.put("additionalProperties", false);
            case 1 -> schema.set("additionalProperties", schema(random, depth - 1));
            case 2 -> schema.putObject("patternProperties").set("^[x-z]", schema(random, depth - 1));
            default -> schema.put("maxProperties", 6);
        }
        if (random.nextInt(4) == 0) {
            schema.put("minProperties", required.size() + random.nextInt(3));
        }
    }
}
