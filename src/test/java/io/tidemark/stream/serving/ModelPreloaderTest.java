package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.model.ComputeType;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.Kernels;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The model preloader")
class ModelPreloaderTest {

    private static final String MODEL = "src/test/resources/models/llama-gqa";
    private static final Map<String, String> SETTINGS =
            Map.of("tidemark.model.dir", MODEL, "tidemark.engine.processors", "1");

    @Test
    @DisplayName("Chooses the same model as the validated settings, with and without defaults")
    void choosesAlike() {
        assertChoosesAlike(Map.of("tidemark.model.dir", MODEL));
        assertChoosesAlike(Map.of(
                "tidemark.model.dir",
                MODEL,
                "tidemark.model.name",
                "base",
                "tidemark.engine.processors",
                "3",
                "tidemark.engine.device",
                "auto",
                "tidemark.engine.compute-type",
                "int8",
                "tidemark.engine.deterministic",
                "true"));
    }

    @Test
    @DisplayName("Leaves compute type and kernels to device and processor, unless they are set")
    void defaults() {
        TidemarkSettings defaults = TestSettings.with(Map.of());
        ModelChoice choice = ModelChoice.of(defaults.model(), defaults.engine());
        assertThat(choice.computeType()).isEqualTo(ComputeTypeChoice.AUTO);
        assertThat(choice.kernels()).isEqualTo(Kernels.AUTO);
        TidemarkSettings exact =
                TestSettings.with(Map.of("tidemark.engine.compute-type", "fp32", "tidemark.engine.kernels", "torch"));
        choice = ModelChoice.of(exact.model(), exact.engine());
        assertThat(choice.computeType().resolve(OptionalInt.of(90))).isEqualTo(ComputeType.FP32);
        assertThat(choice.kernels()).isEqualTo(Kernels.TORCH);
    }

    @Test
    @DisplayName("Is available to work on its thread until the work ends")
    void isBoundToItsThread() throws Exception {
        try (ModelPreloader preloader = ModelPreloader.start(Map.of())) {
            assertThat(preloader.call(ModelPreloader::ofThisThread)).isSameAs(preloader);
            assertThat(ModelPreloader.ofThisThread()).isNotSameAs(preloader);
        }
    }

    @Test
    @DisplayName("Passes on the loaded model once, after it has run steps")
    void handsOver() {
        try (ModelPreloader preloader = ModelPreloader.start(SETTINGS);
                LoadedModel model = preloader.take(choice(SETTINGS));
                LoadedModel another = preloader.take(choice(SETTINGS))) {
            preloader.close();
            assertThat(model.model().name()).isEqualTo("llama-gqa");
            assertThat(model.model().decoder().nativeNanos()).isPositive();
            assertThat(another).isNotEqualTo(model);
        }
    }

    @Test
    @DisplayName("Loads the model of the validated settings if they choose another one")
    void givesWay() {
        try (ModelPreloader preloader = ModelPreloader.start(Map.of("tidemark.model.dir", "/no/such/folder"));
                LoadedModel model = preloader.take(choice(SETTINGS))) {
            assertThat(model.model().name()).isEqualTo("llama-gqa");
        }
    }

    @Test
    @DisplayName("Throws the exception of a failed load when the model is taken")
    void failsWhenTaken() {
        Map<String, String> nowhere = Map.of("tidemark.model.dir", "/no/such/folder");
        try (ModelPreloader preloader = ModelPreloader.start(nowhere)) {
            assertThatThrownBy(() -> preloader.take(choice(nowhere)))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining("/no/such/folder");
        }
    }

    @Test
    @DisplayName("Ignores a malformed setting")
    void leavesBadSettings() {
        try (ModelPreloader preloader = ModelPreloader.start(
                        Map.of("tidemark.model.dir", MODEL, "tidemark.engine.processors", "many"));
                LoadedModel model = preloader.take(choice(SETTINGS))) {
            assertThat(model.model().name()).isEqualTo("llama-gqa");
        }
    }

    private static void assertChoosesAlike(Map<String, String> values) {
        assertThat(ModelPreloader.choice(values)).isEqualTo(Optional.of(choice(values)));
    }

    private static ModelChoice choice(Map<String, String> values) {
        TidemarkSettings settings = TestSettings.with(values);
        return ModelChoice.of(settings.model(), settings.engine());
    }

    @Test
    @DisplayName("Interrupts a thread again that has swallowed the first interrupts")
    void repeatsInterrupts() throws InterruptedException {
        Thread stubborn = new Thread(
                () -> {
                    for (int taken = 0; taken < 3; taken++) {
                        takeOne();
                    }
                },
                "swallows-three");
        stubborn.start();
        ModelPreloader.interruptUntilEnded(stubborn, Duration.ofMinutes(1));
        assertThat(stubborn.isAlive()).isFalse();
    }

    @Test
    @DisplayName("Stops interrupting a thread that ignores interrupts after the timeout")
    void limitsInterrupts() throws InterruptedException {
        CountDownLatch asserted = new CountDownLatch(1);
        Thread stubborn = new Thread(
                () -> {
                    while (asserted.getCount() > 0) {
                        Thread.interrupted();
                    }
                },
                "ignores-interrupts");
        stubborn.start();
        ModelPreloader.interruptUntilEnded(stubborn, Duration.ofMillis(1));
        assertThat(stubborn.isAlive()).isTrue();
        asserted.countDown();
        stubborn.join();
    }

    private static void takeOne() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }
}
