package io.tidemark.stream.delivery.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.Deliveries;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The metadata of a committed offset")
class CommitMetadataTest {

    @Test
    @DisplayName("Contains the log, and is ignored with a topic id that is too long or an epoch that is no number")
    void log() {
        CommitMetadata metadata =
                CommitMetadata.NONE.in(new LogIdentity(Optional.of("lZ0XqV8vR5-Qm3mYg1k_zA"), OptionalInt.of(7)));
        assertThat(metadata).hasToString("tidemark/1 topic=lZ0XqV8vR5-Qm3mYg1k_zA epoch=7");
        assertThat(parsed(metadata.toString())).isEqualTo(metadata);
        assertThat(parsed("tidemark/1 topic=" + "x".repeat(33))).isEqualTo(CommitMetadata.NONE);
        assertThat(parsed("tidemark/1 epoch=x")).isEqualTo(CommitMetadata.NONE);
    }

    @Test
    @DisplayName("Is the same after it was written and parsed")
    void roundTrip() {
        BitSet finished = new BitSet();
        finished.set(1);
        finished.set(77);
        CommitMetadata metadata = Deliveries.metadata(
                Optional.of("group a-host=1 ü"), true, new CrashHistory(2, 47, OptionalLong.of(41), 1), finished);
        assertThat(parsed(metadata.toString())).isEqualTo(metadata);
        assertThat(parsed(CommitMetadata.NONE.toString())).isEqualTo(CommitMetadata.NONE);
    }

    @Test
    @DisplayName(
            "Has less than 3 KiB with the largest set and a long owner, so that no commit exceeds the broker's limit")
    void size() {
        BitSet finished = new BitSet();
        finished.set(0, CommitMetadata.MAX_FINISHED);
        String text = Deliveries.metadata(
                        Optional.of("o".repeat(200)),
                        true,
                        new CrashHistory(2, Long.MAX_VALUE, OptionalLong.of(Long.MAX_VALUE - 1), 2),
                        finished)
                .toString();
        assertThat(text.getBytes(StandardCharsets.UTF_8)).hasSizeLessThan(3 * 1024);
    }

    @Test
    @DisplayName("May have fields that this version does not know")
    void unknownField() {
        assertThat(parsed("tidemark/1 owner=w new=1=2").owner()).contains("w");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "other tool",
                "tidemark/2 owner=w",
                "tidemark/1 owner",
                "tidemark/1 done=*",
                "tidemark/1 deaths=x<1",
                "tidemark/1 deaths=2<4 trying=1x2x3",
                "tidemark/1 deaths=2<4 trying=1",
                "tidemark/1 deaths=2<4 trying=4x1",
                "tidemark/1 deaths=-1<4"
            })
    @DisplayName("Counts as empty if it can't be parsed")
    void invalid(String text) {
        assertThat(parsed(text)).isEqualTo(CommitMetadata.NONE);
    }

    private static CommitMetadata parsed(String text) {
        return CommitMetadata.of("requests-0", new OffsetAndMetadata(40, text));
    }
}
