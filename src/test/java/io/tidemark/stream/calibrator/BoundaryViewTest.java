package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BoundaryViewTest {

    private static final byte[] PIN = TopicJson.write(BoundaryRecord.setByHand("a", 3, "by hand", Instant.EPOCH));
    private static final byte[] CALIBRATED = BoundaryRecords.calibratedValue("a");
    private static final LoadedVersion LOADED = new LoadedVersion("m", "ba5e", "fp32", "d", 4);

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
    @DisplayName("A pin that an operator removed, with a tombstone or a reset, or that is broken, is not restored")
    void removed() {
        apply(PIN);
        apply(null);
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        apply(PIN);
        apply(CALIBRATED);
        apply(BoundaryRecords.resetValue("a"));
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
        apply(PIN);
        apply(bytes("{oops"));
        apply(CALIBRATED);
        assertThat(view.overwrittenPins()).isEmpty();
    }

    @Test
    @DisplayName("The record of an operator is a pin, also if it is for another version of the adapter")
    void pins() {
        apply(PIN);
        assertThat(view.inForce("a", LOADED)).isEqualTo(InForce.pinned(3));
        apply(bytes("{\"adapter\": \"a\", \"boundary\": 2, \"version\": {\"adapter_digest\": \"other\"}}"));
        assertThat(view.inForce("a", LOADED)).isEqualTo(InForce.pinned(4));
        apply(bytes("{oops"));
        assertThat(view.inForce("a", LOADED)).isEqualTo(InForce.none(4));
    }

    @Test
    @DisplayName("A record of a calibrator has its epoch and move for its compute type, and none for another one")
    void calibrated() {
        apply(CALIBRATED);
        HarmTest test = HarmTest.of(BoundaryRecords.LOOSE);
        assertThat(view.inForce("a", LOADED))
                .isEqualTo(new InForce(1, InForce.Origin.RULE, 3, 2, 48, Optional.of(test)));
        assertThat(view.boundaryBeforeMove("a", LOADED)).hasValue(4);
        assertThat(view.inForce("a", new LoadedVersion("m", "ba5e", "int8", "d", 4)))
                .isEqualTo(InForce.ofOtherComputeType(1));
        LoadedVersion retrained = new LoadedVersion("m", "ba5e", "fp32", "other", 4);
        assertThat(view.inForce("a", retrained)).isEqualTo(InForce.none(4));
        assertThat(view.boundaryBeforeMove("a", retrained)).isEmpty();
    }

    @Test
    @DisplayName("A record of a calibrator without a test is broken, so full LoRA is in force")
    void withoutTest() {
        apply(bytes(new String(CALIBRATED, StandardCharsets.UTF_8).replace("\"test\":", "\"other\":")));
        assertThat(view.inForce("a", LOADED)).isEqualTo(InForce.none(4));
    }

    @Test
    @DisplayName("A reset is full LoRA in its epoch, and not a pin")
    void reset() {
        apply(BoundaryRecords.resetValue("a"));
        assertThat(view.inForce("a", LOADED).source()).isEqualTo(InForce.Origin.RULE);
        assertThat(view.inForce("a", LOADED).boundary()).isEqualTo(4);
        assertThat(view.inForce("a", LOADED).epoch()).isEqualTo(3);
    }

    private void apply(byte[] value) {
        view.apply(new ConsumerRecord<>("b", 0, offset++, bytes("a"), value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
