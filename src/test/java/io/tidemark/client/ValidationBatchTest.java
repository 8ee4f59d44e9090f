package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ValidationBatchTest {

    @Test
    @DisplayName("A batch is written with its examples as they are")
    void written() throws Exception {
        JsonNode example = new ObjectMapper()
                .readTree("{\"z\":null,\"prompt\":\"caf\u00e9 \ud83d\ude00\",\"completion\":\"c\",\"references\":[],\"n\":[1,2.50,1e300,0.1]}");
        assertThat(new ValidationBatch("b", "a", List.of(example, example)).json().toString())
                .isEqualTo("{\"batch_id\":\"b\",\"adapter\":\"a\",\"examples\":["
                        + "{\"z\":null,\"prompt\":\"caf\u00e9 \ud83d\ude00\",\"completion\":\"c\",\"references\":[],\"n\":[1,2.5,1.0E300,0.1]},"
                        + "{\"z\":null,\"prompt\":\"caf\u00e9 \ud83d\ude00\",\"completion\":\"c\",\"references\":[],\"n\":[1,2.5,1.0E300,0.1]}]}");
    }
}
