package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The attempts of a batch")
class BatchAttemptsTest {

    @Test
    @DisplayName("An attempt that another process has not ended is a failure, an attempt of the same process is none")
    void deaths() {
        BatchAttempts started = BatchAttempts.parse(
                BatchAttempts.parse("").failed().startedIn("a").metadata());
        assertThat(started.foundBy("a").failures()).isEqualTo(1);
        assertThat(started.foundBy("b").failures()).isEqualTo(2);
        assertThat(started.foundBy("b").isExhausted()).isFalse();
        assertThat(started.foundBy("b").failed().foundBy("c").isExhausted()).isTrue();
    }

    @ParameterizedTest
    @DisplayName("Metadata of another format has the effect of none")
    @ValueSource(
            strings = {
                "",
                "x",
                "null",
                "[]",
                "{}",
                "{\"version\":2,\"failures\":9}",
                "{\"version\":1}",
                "{\"version\":1,\"failures\":\"9\"}"
            })
    void otherFormats(String metadata) {
        assertThat(BatchAttempts.parse(metadata)).isEqualTo(BatchAttempts.parse(""));
        assertThat(BatchAttempts.parse("{\"version\":1,\"failures\":2,\"unknown\":[]}")
                        .failures())
                .isEqualTo(2);
    }
}
