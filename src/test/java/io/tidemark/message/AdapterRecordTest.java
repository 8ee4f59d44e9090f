package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.AdapterRecord.Alias;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.AdapterRecord.Target;
import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A record of the topic 'adapters'")
class AdapterRecordTest {

    private static final String DIGEST = "3fa2".repeat(16);
    private static final String BASE = "ba5e".repeat(16);
    private static final String STORED = "\"source\": \"s3://b/a\", \"digest\": \"D\", \"base\": \"B\""
            .replace("D", DIGEST)
            .replace("B", BASE);

    @Test
    @DisplayName("Of an adapter is written and read with all fields, labels in the order of their keys")
    void stored() {
        Stored record =
                new Stored("s3://b/a", DIGEST, BASE, Map.of("run", "417", "by", "ci"), new AdapterRecord.Options(true));
        assertThat(text(record))
                .isEqualTo("{\"source\":\"s3://b/a\",\"digest\":\"" + DIGEST + "\",\"base\":\"" + BASE
                        + "\",\"labels\":{\"by\":\"ci\",\"run\":\"417\"},\"options\":{\"pinned\":true}}");
        assertThat(parse(text(record))).isEqualTo(new Parsed.Valid<>(record));
        assertThat(Schema.named("adapter-record").problems(text(record))).isEmpty();
    }

    @Test
    @DisplayName("Of an adapter needs neither labels nor options, and null is the same as absent")
    void smallest() {
        Stored smallest = new Stored("s3://b/a", DIGEST, BASE, Map.of(), AdapterRecord.Options.NONE);
        assertThat(parse("{" + STORED + "}")).isEqualTo(new Parsed.Valid<>(smallest));
        assertThat(parse("{" + STORED + ", \"labels\": null, \"options\": null, \"targets\": null}"))
                .isEqualTo(new Parsed.Valid<>(smallest));
    }

    @Test
    @DisplayName("Of an alias is written and read, and 'sticky' is absent unless it is set")
    void alias() {
        Alias byId = new Alias(List.of(new Target("v1", 90), new Target("v2", 0)), Optional.empty());
        assertThat(text(byId))
                .isEqualTo("{\"targets\":[{\"adapter\":\"v1\",\"weight\":90.0},{\"adapter\":\"v2\",\"weight\":0.0}]}");
        assertThat(parse(text(byId))).isEqualTo(new Parsed.Valid<>(byId));
        Alias byUser = new Alias(byId.targets(), Optional.of("user"));
        assertThat(parse(text(byUser))).isEqualTo(new Parsed.Valid<>(byUser));
        assertThat(Schema.named("adapter-record").problems(text(byUser))).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Is refused with a code and a message that names the field")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            ``                                                                 | missing_field      | source
            "digest": "D", "base": "B"                                         | missing_field      | source
            "source": "s3://b/a", "base": "B"                                  | missing_field      | digest
            "source": "s3://b/a", "digest": "D"                                | missing_field      | base
            "source": "", "digest": "D", "base": "B"                           | invalid_value      | source
            "source": 3, "digest": "D", "base": "B"                            | invalid_type       | source
            "source": "s3://b/a", "digest": "3FA2", "base": "B"                | invalid_value      | digest
            "source": "s3://b/a", "digest": "D", "base": "b"                   | invalid_value      | base
            S, "targets": [{"adapter": "a", "weight": 1}]                      | conflicting_fields | source
            S, "labels": {"a": 1}                                              | invalid_type       | labels.a
            S, "labels": []                                                    | invalid_type       | labels
            S, "options": {"pin": true}                                        | unknown_field      | options.pin
            S, "options": {"pinned": "yes"}                                    | invalid_type       | options.pinned
            S, "sticky": "user"                                                | unknown_field      | sticky
            S, "later": 1                                                      | unknown_field      | later
            "targets": []                                                      | out_of_range       | targets
            "targets": {}                                                      | invalid_type       | targets
            "targets": [{"adapter": "a"}]                                      | missing_field      | targets[0].weight
            "targets": [{"weight": 1}]                                         | missing_field      | targets[0].adapter
            "targets": [{"adapter": "a", "weight": -1}]                        | out_of_range       | targets[0].weight
            "targets": [{"adapter": "a", "weight": 1e400}]                     | out_of_range       | targets[0].weight
            "targets": [{"adapter": "a", "weight": NaN}]                       | out_of_range       | targets[0].weight
            "targets": [{"adapter": "a", "weight": "1"}]                       | invalid_type       | targets[0].weight
            "targets": [{"adapter": "a", "weight": 0}]                         | invalid_value      | targets
            "targets": [{"adapter": "a", "weight": 1}, {"adapter": "a", "weight": 1}] | invalid_value | targets
            "targets": [{"adapter": "a", "weight": 1, "x": 1}]                 | unknown_field      | targets[0].x
            "targets": [{"adapter": "a", "weight": 1}], "sticky": "id"         | invalid_value      | sticky
            "targets": [{"adapter": "a", "weight": 1}], "labels": {}           | unknown_field      | labels
            """)
    void refused(String fields, String code, String param) {
        String json = "{"
                + fields.replace("S,", STORED + ",")
                        .replace("\"D\"", "\"" + DIGEST + "\"")
                        .replace("\"B\"", "\"" + BASE + "\"")
                + "}";
        ErrorBody error = error(json);
        assertThat(error.code()).as(error.message()).isEqualTo(code);
        assertThat(error.param()).contains(param);
        assertThat(error.type()).isEqualTo(ErrorBody.INVALID_REQUEST);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"", " ", "[]", "null", "{", "{\"source\": \"a\", \"source\": \"a\"}"})
    @DisplayName("Is refused if it is no JSON object")
    void noObject(String value) {
        assertThat(parse(value)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    @DisplayName("Has at most 16 targets, 32 labels and 1,024 characters of a source")
    void limits() {
        assertThat(parse(targets(AdapterRecord.MAX_TARGETS))).isInstanceOf(Parsed.Valid.class);
        assertThat(error(targets(AdapterRecord.MAX_TARGETS + 1)).message()).contains("1 to 16 entries");
        assertThat(parse("{" + STORED + ", \"labels\": " + labels(AdapterRecord.MAX_LABELS) + "}"))
                .isInstanceOf(Parsed.Valid.class);
        assertThat(error("{" + STORED + ", \"labels\": " + labels(AdapterRecord.MAX_LABELS + 1) + "}")
                        .message())
                .contains("more than 32 entries");
        assertThat(parse(source(AdapterRecord.MAX_SOURCE_LENGTH))).isInstanceOf(Parsed.Valid.class);
        assertThat(error(source(AdapterRecord.MAX_SOURCE_LENGTH + 1)).param()).contains("source");
    }

    @Test
    @DisplayName("Has at most 16 KB")
    void size() {
        String record = "{" + STORED + "}";
        int left = AdapterRecord.MAX_BYTES - record.length();
        assertThat(parse(record + " ".repeat(left))).isInstanceOf(Parsed.Valid.class);
        assertThat(error(record + " ".repeat(left + 1)).message()).contains("16385 bytes", "16384 bytes");
    }

    private static String targets(int number) {
        return IntStream.range(0, number)
                .mapToObj(i -> "{\"adapter\": \"a" + i + "\", \"weight\": 1}")
                .collect(Collectors.joining(", ", "{\"targets\": [", "]}"));
    }

    private static String labels(int number) {
        return IntStream.range(0, number)
                .mapToObj(i -> "\"l" + i + "\": \"v\"")
                .collect(Collectors.joining(", ", "{", "}"));
    }

    private static String source(int length) {
        return "{" + STORED.replace("s3://b/a", "s".repeat(length)) + "}";
    }

    private static String text(AdapterRecord record) {
        return new String(TopicJson.write(record), StandardCharsets.UTF_8);
    }

    private static Parsed<AdapterRecord> parse(String json) {
        return AdapterRecord.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    private static ErrorBody error(String json) {
        return ((Parsed.Invalid<AdapterRecord>) parse(json)).error();
    }
}
