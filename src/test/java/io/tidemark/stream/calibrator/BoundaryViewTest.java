package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.HarmTest;
import io.tidemark.calibration.rule.InForce;
import io.tidemark.message.BoundaryRecord;
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
    private static final byte[] UNPINNED = bytes("{\"adapter\": \"a\", \"boundary\": 5}");
    private static final byte[] CALIBRATED =
            bytes("{\"adapter\": \"a\", \"boundary\": 1, \"objective\": \"balanced\", \"curve\": [-2, -1]}");

    private static final String TESTED = "{\"adapter\": \"a\", \"boundary\": 1, \"adapter_digest\": \"d\","
            + " \"objective\": \"balanced\", \"test\": {\"margin\": 0.02, \"loss_cap\": 1, \"gain_cap\": 0.5,"
            + " \"unit\": \"example\", \"epoch\": 3, \"move\": 2, \"threshold\": 6, \"examples_at_move\": 48,"
            + " \"compute_type\": \"fp32\", \"boundary_before_move\": 4}}";

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
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.older(1));
        apply(PIN);
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.pinned(3));
        apply(bytes("{\"adapter\": \"a\", \"boundary\": 2, \"adapter_digest\": \"other\", \"pinned\": true}"));
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.pinned(4));
        apply(bytes("{oops"));
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.none(4));
    }

    @Test
    @DisplayName("A record of the rule has its epoch and move for its compute type, and none for another one")
    void tested() {
        apply(bytes(TESTED));
        LoadedVersion loaded = new LoadedVersion("m", "ba5e", "fp32", "d", 4);
        HarmTest test = new HarmTest(0.02, 1, 0.5, HarmTest.Unit.EXAMPLE);
        assertThat(view.inForce("a", loaded))
                .isEqualTo(new InForce(1, InForce.Source.RULE, 3, 2, 48, Optional.of(test)));
        assertThat(view.boundaryBeforeMove("a", loaded)).hasValue(4);
        assertThat(view.inForce("a", new LoadedVersion("m", "ba5e", "int8", "d", 4)))
                .isEqualTo(new InForce(1, InForce.Source.RULE, 0, 0, 0, Optional.of(test)));
        LoadedVersion retrained = new LoadedVersion("m", "ba5e", "fp32", "other", 4);
        assertThat(view.inForce("a", retrained)).isEqualTo(InForce.none(4));
        assertThat(view.boundaryBeforeMove("a", retrained)).isEmpty();
    }

    @Test
    @DisplayName("A record whose test is impossible is one of an older calibrator, and one with half a test is broken")
    void impossibleTest() {
        LoadedVersion loaded = new LoadedVersion("m", "ba5e", "fp32", "d", 4);
        apply(bytes(TESTED.replace("\"loss_cap\": 1", "\"loss_cap\": 0.01")));
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.older(1));
        apply(bytes(TESTED.replace("\"unit\": \"example\",", "")));
        assertThat(view.inForce("a", loaded)).isEqualTo(InForce.none(4));
    }

    @Test
    @DisplayName("A pin that an operator has reset is not restored: the record has a test and no batch")
    void reset() {
        apply(PIN);
        apply(bytes(TESTED));
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
