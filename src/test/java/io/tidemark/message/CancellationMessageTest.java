package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.Provenance.Source;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A cancellation")
class CancellationMessageTest {

    @Test
    @DisplayName("Names requests by id or one record by source, and survives the JSON round trip")
    void roundTrip() {
        CancellationMessage byId =
                new CancellationMessage(Optional.of("r"), Optional.empty(), Optional.of("changed my mind"));
        CancellationMessage bySource = CancellationMessage.ofSource(new Source("generation-requests", 3, 1L << 40));
        assertThat(CancellationMessage.parse(TopicJson.write(byId))).isEqualTo(new Parsed.Valid<>(byId));
        assertThat(CancellationMessage.parse(TopicJson.write(bySource))).isEqualTo(new Parsed.Valid<>(bySource));
        assertThat(parse("{\"id\": null, \"source\": {\"topic\": \"t\", \"partition\": 0, \"offset\": 5, \"x\": 1}}"))
                .isEqualTo(new Parsed.Valid<>(CancellationMessage.ofSource(new Source("t", 0, 5))));
    }

    @ParameterizedTest(name = "{0} is rejected with code {1} and param {2}")
    @DisplayName("Is rejected with a code and the name of the field")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {}                                                                     | missing_field      | id
            {"reason": "x"}                                                        | missing_field      | id
            {"id": "r", "source": {"topic": "t", "partition": 0, "offset": 0}}     | conflicting_fields | source
            {"id": 3}                                                              | invalid_type       | id
            {"source": "t-0-5"}                                                    | invalid_type       | source
            {"source": {"partition": 0, "offset": 0}}                              | missing_field      | source.topic
            {"source": {"topic": "t", "partition": "0", "offset": 0}}              | invalid_type       | source.partition
            {"source": {"topic": "t", "partition": 2147483648, "offset": 0}}       | out_of_range       | source.partition
            {"source": {"topic": "t", "partition": 0, "offset": -1}}               | out_of_range       | source.offset
            """)
    void rejected(String value, String code, String param) {
        Parsed<CancellationMessage> parsed = parse(value);
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
        ErrorBody error = ((Parsed.Invalid<CancellationMessage>) parsed).error();
        assertThat(error.type()).isEqualTo(ErrorBody.INVALID_REQUEST);
        assertThat(error.code()).isEqualTo(code);
        assertThat(error.param()).contains(param);
    }

    private static Parsed<CancellationMessage> parse(String value) {
        return CancellationMessage.parse(value.getBytes(StandardCharsets.UTF_8));
    }
}
