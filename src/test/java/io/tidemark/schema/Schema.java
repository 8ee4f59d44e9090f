package io.tidemark.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A schema of an AsyncAPI document. Formats such as {@code date-time} are validated. */
public final class Schema {

    private final com.networknt.schema.Schema schema;

    /** @param schema with the schemas that it refers to; AsyncAPI's schemas are a superset of draft 7 */
    Schema(JsonNode schema) {
        this.schema =
                SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_7).getSchema(schema);
    }

    /** A schema of {@code docs/asyncapi.yaml}. */
    public static Schema named(String name) {
        return AsyncApi.current().schema(name);
    }

    public List<Error> problems(byte[] json) {
        return problems(new String(json, StandardCharsets.UTF_8));
    }

    public List<Error> problems(String json) {
        return schema.validate(
                json,
                InputFormat.JSON,
                context -> context.executionConfig(config -> config.formatAssertionsEnabled(true)));
    }

    List<Error> problems(JsonNode json) {
        return problems(json.toString());
    }
}
