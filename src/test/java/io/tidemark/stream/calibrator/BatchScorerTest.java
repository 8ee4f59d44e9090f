package io.tidemark.stream.calibrator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.fixture.Catalogs;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.input.RejectedException;
import io.tidemark.time.Time;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchScorerTest {

    private static final String FAMILY = "llama-gqa";

    @Test
    @DisplayName("The error of a batch whose adapter can't be loaded names no folder of the server")
    void namesNoFolder(@TempDir Path folder) throws Exception {
        Path adapter = Folders.copyOfAdapter(FAMILY, "qv", folder);
        try (FixtureModel fixture = FixtureModel.load(FAMILY);
                AdapterStore adapters = new AdapterStore(fixture.model())) {
            adapters.register("mine", adapter);
            Files.delete(adapter.resolve("adapter_model.safetensors"));
            BatchScorer scorer = scorer(fixture, adapters);
            byte[] batch = ("{\"batch_id\": \"b\", \"adapter\": \"mine\","
                            + " \"examples\": [{\"prompt\": \"x\", \"completion\": \"y\"}]}")
                    .getBytes(UTF_8);
            RejectedException refused = catchThrowableOfType(
                    RejectedException.class, () -> scorer.prepare(scorer.parse(batch), progress -> true));
            assertThat(refused.error().code()).isEqualTo("adapter_unusable");
            assertThat(refused.error().message()).isEqualTo("adapter 'mine' can't be loaded");
        }
    }

    @Test
    @DisplayName("A wait for an adapter that ends with an exception keeps no lease, so that the adapter can be evicted")
    void keepsNoLease() throws Exception {
        try (FixtureModel fixture = FixtureModel.load(FAMILY);
                AdapterStore adapters =
                        new AdapterStore(fixture.model(), fixture.adapter("qv").bytes())) {
            adapters.register("first", Folders.adapter(FAMILY, "qv"));
            adapters.register("second", Folders.adapter(FAMILY, "qv"));
            BatchScorer scorer = scorer(fixture, adapters);
            byte[] batch = ("{\"batch_id\": \"b\", \"adapter\": \"second\","
                            + " \"examples\": [{\"prompt\": \"x\", \"completion\": \"y\"}]}")
                    .getBytes(UTF_8);
            // there is memory for one adapter, so the second one waits for the end of this lease
            try (AdapterLease first = adapters.awaitLease("first")) {
                assertThatThrownBy(() -> scorer.prepare(scorer.parse(batch), progress -> {
                            throw new TimeoutException("no broker");
                        }))
                        .isInstanceOf(TimeoutException.class);
            }
            adapters.awaitLease("second").close();
            assertThat(adapters.lease("first")).succeedsWithin(Duration.ofSeconds(30));
        }
    }

    private static BatchScorer scorer(FixtureModel fixture, AdapterStore adapters) {
        return new BatchScorer(
                fixture.model(),
                Catalogs.ofFolders(adapters),
                AdapterSuggestions.NONE,
                10,
                SweepLimits.DEFAULT,
                SweepExecutor.onOwnThreads(),
                Time.system());
    }
}
