package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.CudaStandIn;
import io.tidemark.fixture.FixtureModel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("An error of CUDA")
@Tag("cuda")
class CudaErrorTest {

    @Test
    @DisplayName("Ends the engine, because each later step would fail too")
    void endsEngine() throws Exception {
        try (CudaStandIn device = CudaStandIn.open();
                FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(2, 32, 1L << 30))) {
            device.failAfter(500);
            RecordingListener listener = RecordingListener.plain();
            engine.submit(
                    TestRequest.of("a", List.of(5, 6, 7))
                            .stopAt(StopConditions.afterExactly(500))
                            .request(),
                    listener);
            engine.failure().toCompletableFuture().get(60, TimeUnit.SECONDS);
            assertThat(listener.failure().code()).isEqualTo("engine_error");
        }
    }
}
