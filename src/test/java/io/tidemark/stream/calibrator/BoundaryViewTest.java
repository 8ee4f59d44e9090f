package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BoundaryViewTest {

    private static final byte[] PIN = BoundaryRecord.setByHand("a", new Boundary(3), "by hand", Instant.EPOCH)
            .toJson();
    private static final byte[] UNPINNED = bytes("{\"adapter\": \"a\", \"boundary\": 5}");
    private static final byte[] CALIBRATED =
            bytes("{\"adapter\": \"a\", \"boundary\": 1, \"objective\": \"balanced\", \"curve\": [-2, -1]}");

    private final BoundaryView view = new BoundaryView();
    private long offset;

    @Test
    @DisplayName("A pin followed by records of calibrators is overwritten")
    void overwritten() {
        apply(CALIBRATED);
        apply(PIN);
        apply(CALIBRATED);
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).containsOnly(Map.entry("a", PIN));
    }

    @Test
    @DisplayName("A pin that is the last record is not overwritten, also after it was published again")
    void lastRecord() {
        apply(CALIBRATED);
        apply(PIN);
        assertThat(view.overwrittenPins()).isEmpty();
        apply(CALIBRATED);
        apply(PIN);
        assertThat(view.overwrittenPins()).isEmpty();
    }

    @Test
    @DisplayName("A pin that an operator removed, with a tombstone or another record, is not restored")
    void removed() {
        apply(PIN);
        apply(null);
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        apply(PIN);
        apply(CALIBRATED);
        apply(UNPINNED);
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        apply(PIN);
        apply(bytes("{oops"));
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
    }

    private void apply(byte[] value) {
        view.apply(new ConsumerRecord<>("b", 0, offset++, bytes("a"), value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
