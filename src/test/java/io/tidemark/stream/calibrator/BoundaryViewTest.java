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
    @DisplayName("a pin below a calibrator's record was overtaken, whoever wrote that and however long ago")
    void overtaken() {
        see(CALIBRATED);
        see(PIN);
        see(CALIBRATED);
        see(CALIBRATED);
        assertThat(view.overwrittenPins()).containsOnly(Map.entry("a", PIN));
    }

    @Test
    @DisplayName("a pin that is on top stands by itself, also when it was published again")
    void onTop() {
        see(CALIBRATED);
        see(PIN);
        assertThat(view.overwrittenPins()).isEmpty();
        see(CALIBRATED);
        see(PIN);
        assertThat(view.overwrittenPins()).isEmpty();
    }

    @Test
    @DisplayName("a pin that was taken back, by a tombstone or by another record set by hand, does not come again")
    void takenBack() {
        see(PIN);
        see(null);
        see(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        see(PIN);
        see(CALIBRATED);
        see(UNPINNED);
        see(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        see(PIN);
        see(bytes("{oops"));
        see(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
    }

    private void see(byte[] value) {
        view.apply(new ConsumerRecord<>("b", 0, offset++, bytes("a"), value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
