package io.tidemark.stream.calibrator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.SweepRun;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.time.Time;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Engine sweep executor")
class EngineSweepExecutorTest {

    private static final TokenizedExample EXAMPLE = new TokenizedExample(List.of(5, 6, 7), List.of(8, 2));

    @Test
    @Timeout(60)
    @DisplayName("A sweep is abandoned, and its batch is not refused, if the engine fails or has failed")
    void engineFails() throws Exception {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30))) {
            EngineSweepExecutor executor = new EngineSweepExecutor(engine, Time.system());
            assertThat(executor.run(sweep(fixture), progress -> true)).hasNumberOfRows(1);
            engine.runInBackground(() -> {
                throw new OutOfMemoryError("for this test");
            });
            for (int again = 0; again < 2; again++) {
                assertThatThrownBy(() -> executor.run(sweep(fixture), progress -> true))
                        .isInstanceOf(SweepAbandonedException.class);
            }
        }
    }

    private static SweepRun sweep(FixtureModel fixture) {
        return new BoundarySweep(fixture.model(), SweepLimits.DEFAULT).start(fixture.adapter("all"), List.of(EXAMPLE));
    }
}
