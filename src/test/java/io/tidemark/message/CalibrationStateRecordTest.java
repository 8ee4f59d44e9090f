package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A calibration state record")
class CalibrationStateRecordTest {

    private static final String VERSION = "\"version\":{\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
            + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"num_layers\":1}";
    private static final String MINIMAL =
            "{\"adapter\":\"gsm\",\"input_partition\":3," + VERSION + ",\"counted_batches\":[],\"settings\":{}}";
    private static final String FULL = "{\"adapter\":\"gsm\",\"input_partition\":3," + VERSION
            + ",\"counted_batches\":[\"AAAAAAAAAAAAAAAA.aaaaaaaa\",\"BBBBBBBBBBBBBBBB.bbbbbbbb\"],\"settings\":{\"alpha\":\"0.05\"},"
            + "\"claim\":{\"batch\":\"CCCCCCCCCCCCCCCC\",\"offset\":17,\"content\":\"cccccccc\"},"
            + "\"epoch\":{\"epoch\":1,\"test\":{\"margin\":0.02,\"loss_cap\":1.0,\"gain_cap\":0.5},"
            + "\"candidates\":[0,1],"
            + "\"dropped\":[{\"boundary\":0,\"examples\":9,\"difference\":-0.5,\"log_e\":-3.0}],\"batches\":2,\"examples\":24,"
            + "\"uncounted\":{\"repeats\":1,\"repeated_groups\":0,\"refused\":2},\"statistics\":{\"count\":24,\"means\":[-0.1,1.0E-300],"
            + "\"comoments\":[0.30000000000000004,-0.0,1.7976931348623157E308]},\"sums\":[0.5],\"capped\":[0.5],"
            + "\"watch\":{\"move\":0,\"boundary\":1,\"values\":[0.0,0.0,0.0]},\"filter\":\"\"},"
            + "\"note\":{\"by\":[\"x\",1,2.5,null,12345678901234567890]}}";

    @Test
    @DisplayName("Has the same bytes when it is read and written again, its claim and unknown fields included")
    void sameBytes() {
        for (String written : List.of(MINIMAL, FULL)) {
            assertThat(new String(TopicJson.write(parse("gsm/3/3fa2/ba5e/fp32", written)), StandardCharsets.UTF_8))
                    .isEqualTo(written);
            assertThat(Schema.named("calibration-state").problems(written)).isEmpty();
        }
        assertThat(Schema.named("calibration-state").problems("{\"adapter\": \"gsm\"}"))
                .isNotEmpty();
    }

    @Test
    @DisplayName("May have null in place of absent fields, integers as means, and a field that appears twice")
    void accepted() {
        CalibrationStateRecord state = parse(
                "gsm/3/3fa2/ba5e/fp32",
                FULL.replace("{\"adapter\":\"gsm\"", "{\"adapter\":\"x\",\"adapter\":\"gsm\"")
                        .replaceFirst("\"claim\":\\{[^}]*}", "\"claim\":null,\"shadow\":null")
                        .replace("[-0.1,1.0E-300]", "[1,2]")
                        .replaceFirst("\"note\":.*", "\"deep\":" + "[".repeat(100) + "]".repeat(100) + "}"));
        assertThat(state.claim()).isEmpty();
        assertThat(state.epoch().orElseThrow().statistics().means()).containsExactly(1.0, 2.0);
        assertThat(state.otherFields()).containsOnlyKeys("deep");
    }

    @ParameterizedTest
    @DisplayName("Is rejected with a message if it is no object")
    @ValueSource(strings = {"", "x", "null", "[]", "{}", "{\"adapter\":\"gsm\"}"})
    void noState(String value) {
        assertThatThrownBy(() -> parse("gsm/3/3fa2/ba5e/fp32", value))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank();
    }

    @ParameterizedTest(name = "{0} becomes {1}")
    @DisplayName("Is rejected with a message if a field is missing or has another type, or the key is another one")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "adapter":"gsm"          | "adapter":"other"
            "input_partition":3      | "input_partition":1
            "input_partition":3      | "input_partition":null
            "input_partition":3      | "input_partition":"3"
            "version"                | "other"
            "adapter_digest":"3fa2"  | "adapter_digest":null
            "adapter_digest":"3fa2"  | "adapter_digest":"ffff"
            "base_model":"smollm2",  | ``
            "settings":{"alpha":"0.05"} | "settings":null
            "refused":2              | "refused":-2
            "examples":24,           | ``
            "base_digest":"ba5e",    | ``
            "base_digest":"ba5e"     | "base_digest":"ffff"
            "compute_type":"fp32",   | ``
            "num_layers":1           | "num_layers":0
            ,"num_layers":1          | ``
            "counted_batches":[      | "counted_batches":null,"other":[
            ,"content":"cccccccc"    | ``
            "count":24               | "count":null
            "count":24,              | ``
            [-0.1,1.0E-300]          | [-0.1,"2"]
            [-0.1,1.0E-300]          | [-0.1,NaN]
            "capped":[0.5],          | ``
            """)
    void broken(String valid, String invalid) {
        assertThat(FULL).contains(valid);
        assertThatThrownBy(() -> parse("gsm/3/3fa2/ba5e/fp32", FULL.replace(valid, invalid)))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank();
    }

    private static CalibrationStateRecord parse(String key, String value) {
        return CalibrationStateRecord.parse(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
