package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.CalibrationPolicy.Current;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BoundaryViewTest {

    private static final byte[] PIN = TopicJson.write(BoundaryRecord.setByHand("a", 3, "by hand", Instant.EPOCH));
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

    @Test
    @DisplayName("A pin for another version of the adapter is pinned, although full LoRA applies")
    void pinOfAnotherVersion() {
        LoadedVersion loaded = new LoadedVersion("m", "ba5e", "fp32", "d", 4);
        apply(CALIBRATED);
        assertThat(view.current("a", loaded)).isEqualTo(new Current(new Boundary(1), false));
        apply(PIN);
        assertThat(view.current("a", loaded)).isEqualTo(new Current(new Boundary(3), true));
        apply(bytes("{\"adapter\": \"a\", \"boundary\": 2, \"adapter_digest\": \"other\", \"pinned\": true}"));
        assertThat(view.current("a", loaded)).isEqualTo(new Current(Boundary.full(4), true));
        apply(bytes("{oops"));
        assertThat(view.current("a", loaded)).isEqualTo(new Current(Boundary.full(4), false));
    }

    private void apply(byte[] value) {
        view.apply(new ConsumerRecord<>("b", 0, offset++, bytes("a"), value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
