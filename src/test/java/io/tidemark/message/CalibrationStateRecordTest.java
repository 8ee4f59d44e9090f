package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A calibration state record")
class CalibrationStateRecordTest {

    @Test
    @DisplayName("Has the same bytes when it is read and written again, its claim and unknown fields included")
    void sameBytes() {
        String written =
                "{\"adapter\":\"gsm\",\"input_partition\":3,\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                        + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"statistics\":{\"count\":24,"
                        + "\"means\":[-0.1,1.0E-300],\"comoments\":[0.30000000000000004,-0.0,1.7976931348623157E308]},"
                        + "\"counted_batches\":[\"AAAAAAAAAAAAAAAA\",\"BBBBBBBBBBBBBBBB\"],"
                        + "\"claim\":{\"batch\":\"CCCCCCCCCCCCCCCC\",\"offset\":17},"
                        + "\"note\":{\"by\":[\"x\",1,2.5,null,12345678901234567890]}}";
        assertThat(new String(TopicJson.write(parse("gsm/3/ba5e/fp32", written)), StandardCharsets.UTF_8))
                .isEqualTo(written);
        assertThat(Schema.named("calibration-state").problems(written)).isEmpty();
        assertThat(Schema.named("calibration-state").problems("{\"adapter\": \"gsm\"}"))
                .isNotEmpty();
    }

    @Test
    @DisplayName("May have null in place of absent fields, integers as means, and a field that appears twice")
    void accepted() {
        CalibrationStateRecord state = parse(
                "gsm/0",
                "{\"adapter\":\"x\",\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"3fa2\","
                        + "\"base_model\":\"smollm2\",\"base_digest\":null,\"compute_type\":null,\"claim\":null,"
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3],\"unknown\":[]},"
                        + "\"counted_batches\":[],\"deep\":" + "[".repeat(100) + "]".repeat(100) + "}");
        assertThat(state.baseDigest()).isEmpty();
        assertThat(state.computeType()).isEmpty();
        assertThat(state.claim()).isEmpty();
        assertThat(state.statistics().means()).containsExactly(1.0, 2.0);
        assertThat(state.otherFields()).containsOnlyKeys("deep");
    }

    @Test
    @DisplayName("Has a key of adapter, partition, base digest and compute type; older records have the first two")
    void keys() {
        assertThat(CalibrationStateRecord.key("gsm", 3, Optional.of("ba5e"), Optional.of("int8")))
                .isEqualTo("gsm/3/ba5e/int8");
        assertThat(CalibrationStateRecord.key("gsm", 3, Optional.empty(), Optional.empty()))
                .isEqualTo("gsm/3");
    }

    @ParameterizedTest
    @DisplayName("Is rejected with a message if a field is missing or has another type, or the key is another one")
    @ValueSource(
            strings = {
                "",
                "x",
                "null",
                "[]",
                "{}",
                "{\"adapter\":\"gsm\"}",
                "{\"adapter\":\"gsm\",\"input_partition\":1,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,null],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":null}",
                "{\"adapter\":\"gsm\",\"input_partition\":null,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":null,\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":null,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,\"2\"],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,NaN],\"comoments\":[1,2,3]},\"counted_batches\":[]}",
                "{\"adapter\":\"gsm\",\"input_partition\":0,\"adapter_digest\":\"d\",\"base_model\":\"m\","
                        + "\"statistics\":{\"count\":1,\"means\":[1,2],\"comoments\":[1,2,3]},\"counted_batches\":[],"
                        + "\"claim\":{\"batch\":\"b\"}}"
            })
    void broken(String value) {
        assertThatThrownBy(() -> parse("gsm/0", value))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank();
    }

    private static CalibrationStateRecord parse(String key, String value) {
        return CalibrationStateRecord.parse(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
