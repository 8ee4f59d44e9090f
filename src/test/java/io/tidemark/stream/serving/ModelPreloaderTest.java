package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.model.ModelRefused;
import io.tidemark.stream.TestSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("a head start of the model")
class ModelPreloaderTest {

    private static final String MODEL = "src/test/resources/models/llama-gqa";
    private static final Map<String, String> SETTINGS =
            Map.of("tidemark.model.dir", MODEL, "tidemark.engine.threads", "1");

    @Test
    @DisplayName("chooses by unchecked settings what the checked ones choose, with their defaults too")
    void choosesAlike() {
        assertChoosesAlike(Map.of("tidemark.model.dir", MODEL));
        assertChoosesAlike(Map.of(
                "tidemark.model.dir",
                MODEL,
                "tidemark.model.name",
                "base",
                "tidemark.engine.threads",
                "3",
                "tidemark.engine.device",
                "auto",
                "tidemark.engine.compute-type",
                "int8",
                "tidemark.engine.deterministic",
                "true",
                "tidemark.engine.packed-lora-bytes",
                "3M"));
    }

    @Test
    @DisplayName("is found by what is started on the thread that it was given to, for as long as that runs")
    void isBoundToItsThread() throws Exception {
        try (ModelPreloader begun = ModelPreloader.start(Map.of())) {
            assertThat(begun.call(ModelPreloader::ofThisThread)).isSameAs(begun);
            assertThat(ModelPreloader.ofThisThread()).isNotSameAs(begun);
        }
    }

    @Test
    @DisplayName("hands over the model that it has loaded, once")
    void handsOver() {
        try (ModelPreloader begun = ModelPreloader.start(SETTINGS);
                LoadedModel model = begun.take(choice(SETTINGS));
                LoadedModel another = begun.take(choice(SETTINGS))) {
            begun.close();
            assertThat(model.model().name()).isEqualTo("llama-gqa");
            assertThat(model.model().decoder().nativeNanos()).isZero();
            assertThat(another).isNotEqualTo(model);
        }
    }

    @Test
    @DisplayName("gives way to checked settings that choose another model or another way to load it")
    void givesWay() {
        try (ModelPreloader begun = ModelPreloader.start(Map.of("tidemark.model.dir", "/no/such/folder"));
                LoadedModel model = begun.take(choice(SETTINGS))) {
            assertThat(model.model().name()).isEqualTo("llama-gqa");
        }
    }

    @Test
    @DisplayName("fails when the model is taken, with the loader's own exception")
    void failsWhenTaken() {
        Map<String, String> nowhere = Map.of("tidemark.model.dir", "/no/such/folder");
        try (ModelPreloader begun = ModelPreloader.start(nowhere)) {
            assertThatThrownBy(() -> begun.take(choice(nowhere)))
                    .isInstanceOf(ModelRefused.class)
                    .hasMessageContaining("/no/such/folder");
        }
    }

    @Test
    @DisplayName("leaves a setting that is no number to the check of settings")
    void leavesBadSettings() {
        try (ModelPreloader begun =
                        ModelPreloader.start(Map.of("tidemark.model.dir", MODEL, "tidemark.engine.threads", "many"));
                LoadedModel model = begun.take(choice(SETTINGS))) {
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
    @DisplayName("end a thread on whose way others take the first interrupts for themselves")
    void areHeard() throws InterruptedException {
        Thread deaf = new Thread(
                () -> {
                    for (int taken = 0; taken < 3; taken++) {
                        takeOne();
                    }
                },
                "deaf-at-first");
        deaf.start();
        ModelPreloader.interruptUntilEnded(deaf, Duration.ofMinutes(1));
        assertThat(deaf.isAlive()).isFalse();
    }

    @Test
    @DisplayName("leave a thread that hears none when the time is over")
    void areLimited() throws InterruptedException {
        CountDownLatch asserted = new CountDownLatch(1);
        Thread deaf = new Thread(
                () -> {
                    while (asserted.getCount() > 0) {
                        Thread.interrupted();
                    }
                },
                "deaf");
        deaf.start();
        ModelPreloader.interruptUntilEnded(deaf, Duration.ofMillis(1));
        assertThat(deaf.isAlive()).isTrue();
        asserted.countDown();
        deaf.join();
    }

    private static void takeOne() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }
}
