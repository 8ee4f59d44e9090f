package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.BoundaryRecordFormat;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BoundaryViewTest {

    private static final byte[] PIN = new BoundaryRecordFormat()
            .write(BoundaryRecord.setByHand("a", new Boundary(3), "by hand", Instant.EPOCH));
    private static final byte[] CALIBRATED = "{\"adapter\": \"a\", \"boundary\": 5}".getBytes(StandardCharsets.UTF_8);

    private final BoundaryView view = new BoundaryView();

    @Test
    @DisplayName("a pin between the decision and its record is the one to publish again")
    void overtaken() {
        see(CALIBRATED);
        long decision = view.seen();
        see(PIN);
        see(CALIBRATED);
        assertThat(view.overtakenPin("a", decision)).contains(PIN);
    }

    @Test
    @DisplayName("a pin that came after the record stands by itself")
    void pinAfterwards() {
        long decision = view.seen();
        see(CALIBRATED);
        see(PIN);
        assertThat(view.overtakenPin("a", decision)).isEmpty();
    }

    @Test
    @DisplayName("a pin that was seen before the decision, and one that was taken back, are no matter")
    void settledPins() {
        see(PIN);
        see(null);
        long decision = view.seen();
        see(CALIBRATED);
        assertThat(view.overtakenPin("a", decision)).isEmpty();
        see(PIN);
        see(null);
        see(CALIBRATED);
        assertThat(view.overtakenPin("a", decision)).isEmpty();
    }

    private void see(byte[] value) {
        view.apply(new ConsumerRecord<>("b", 0, view.seen(), "a".getBytes(StandardCharsets.UTF_8), value));
    }
}
