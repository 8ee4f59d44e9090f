package io.tidemark.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Bounds;
import io.tidemark.fixture.HostileJson;
import io.tidemark.message.CalibrationStateRecord;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
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

    private static final Bounds BOUNDS = new Bounds(Duration.ofSeconds(5), 64, 4 << 20);

    private static final List<String> SAMPLES = List.of("""
            {"adapter":"a","input_partition":0,"adapter_digest":"ff","base_model":"m","base_digest":"ee","compute_type":"fp32",
            "statistics":{"count":2,"means":[-1,-2],"comoments":[1,0,1]},"counted_batches":["x","y"],
            "claim":{"batch":"x","offset":1},"other":{"z":[1]}}""", """
            {"adapter":"a","input_partition":0,"adapter_digest":"ff","base_model":"m",
            "statistics":{"count":3,"means":[-1,-2,0.5],"comoments":[1,0,1,0,0,2]},"counted_batches":[]}""");

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
        for (String key : List.of("a/0/ee/fp32", "a/0")) {
            try {
                return Optional.of(CalibrationState.of(CalibrationStateRecord.parse(key, value)));
            } catch (IllegalArgumentException e) {
                // the next key
            }
        }
        return Optional.empty();
    }
}
