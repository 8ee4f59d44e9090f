package io.tidemark.schema;

import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A published schema. Formats such as {@code date-time} are validated. */
public final class Schema {

    private final com.networknt.schema.Schema schema;

    private Schema(com.networknt.schema.Schema schema) {
        this.schema = schema;
    }

    public static Schema named(String name) {
        return new Schema(SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                .getSchema(SchemaLocation.of("classpath:schemas/" + name + ".json")));
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
}
