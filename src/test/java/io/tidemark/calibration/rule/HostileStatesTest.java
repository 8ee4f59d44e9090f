package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Bounds;
import io.tidemark.fixture.HostileJson;
import io.tidemark.message.CalibrationStateRecord;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Label;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.BeforeContainer;

/** A record of {@code calibration-state} is a state that can be written again, or is rejected. */
@Label("Broken calibration states")
class HostileStatesTest {

    private static final Bounds BOUNDS = new Bounds(10, 2_000, 64, 4 << 20);

    private static final String KEY = "a/0/ff/ee/fp32";

    private static final List<String> SAMPLES =
            List.of("""
            {"adapter":"a","input_partition":0,"version":{"adapter_digest":"ff","base_model":"m","base_digest":"ee",
            "compute_type":"fp32","num_layers":2},"counted_batches":["x.y","y.z"],"settings":{"alpha":"1"},
            "claim":{"batch":"x","offset":1,"content":"y"},"other":{"z":[1]}}""", """
            {"adapter":"a","input_partition":0,"version":{"adapter_digest":"ff","base_model":"m","base_digest":"ee",
            "compute_type":"fp32","num_layers":1},"counted_batches":[],"settings":{},
            "epoch":{"epoch":2,"test":{"margin":0.02,"loss_cap":1,"gain_cap":0.5},"candidates":[0,1],
            "batches":1,"examples":2,"uncounted":{"repeats":0,"repeated_groups":0,"refused":1},"statistics":{"count":2,"means":[-1,-2],"comoments":[1,0,1]},"sums":[1,2,3,4,5],"capped":[0.5],
            "watch":{"move":1,"boundary":0,"values":[1,2,3]},"filter":"%s"},
            "shadow":{"boundary":0,"epoch":2,"move":1,"examples_at_move":2,
            "test":{"margin":0.02,"loss_cap":1,"gain_cap":0.5}}}""".formatted(Base64.getEncoder().encodeToString(new byte[16_384])));

    /** The first call loads classes, which allocates. */
    @BeforeContainer
    static void warmUp() {
        SAMPLES.forEach(sample ->
                assertThat(read(sample.getBytes(StandardCharsets.UTF_8))).isPresent());
    }

    @Provide
    static Arbitrary<byte[]> values() {
        return HostileJson.values(SAMPLES, 1 << 18);
    }

    @Property(tries = 600)
    @Label("A state is read as it is written, or is rejected")
    void readOrRejected(@ForAll("values") byte[] value) {
        BOUNDS.call(value.length, () -> read(value))
                .ifPresent(state ->
                        assertThat(CalibrationState.of(state.toRecord())).isEqualTo(state));
    }

    /** The documented rejection is an {@link IllegalArgumentException}. */
    private static Optional<CalibrationState> read(byte[] value) {
        try {
            return Optional.of(CalibrationState.of(CalibrationStateRecord.parse(KEY, value)));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
