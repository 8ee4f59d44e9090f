package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.model.ModelRefused;
import io.tidemark.stream.settings.TidemarkSettings;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("a head start of the model")
class HeadStartTest {

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
        try (HeadStart begun = HeadStart.begin(Map.of())) {
            assertThat(begun.around(HeadStart::ofThisThread)).isSameAs(begun);
            assertThat(HeadStart.ofThisThread()).isNotSameAs(begun);
        }
    }

    @Test
    @DisplayName("hands over the model that it has loaded, once")
    void handsOver() {
        try (HeadStart begun = HeadStart.begin(SETTINGS);
                BaseModel model = begun.take(choice(SETTINGS));
                BaseModel another = begun.take(choice(SETTINGS))) {
            begun.close();
            assertThat(model.model().name()).isEqualTo("llama-gqa");
            assertThat(model.model().decoder().nativeNanos()).isZero();
            assertThat(another).isNotEqualTo(model);
        }
    }

    @Test
    @DisplayName("gives way to checked settings that choose another model or another way to load it")
    void givesWay() {
        try (HeadStart begun = HeadStart.begin(Map.of("tidemark.model.dir", "/no/such/folder"));
                BaseModel model = begun.take(choice(SETTINGS))) {
            assertThat(model.model().name()).isEqualTo("llama-gqa");
        }
    }

    @Test
    @DisplayName("fails when the model is taken, with the loader's own exception")
    void failsWhenTaken() {
        Map<String, String> nowhere = Map.of("tidemark.model.dir", "/no/such/folder");
        try (HeadStart begun = HeadStart.begin(nowhere)) {
            assertThatThrownBy(() -> begun.take(choice(nowhere)))
                    .isInstanceOf(ModelRefused.class)
                    .hasMessageContaining("/no/such/folder");
        }
    }

    @Test
    @DisplayName("leaves a setting that is no number to the check of settings")
    void leavesBadSettings() {
        try (HeadStart begun = HeadStart.begin(Map.of("tidemark.model.dir", MODEL, "tidemark.engine.threads", "many"));
                BaseModel model = begun.take(choice(SETTINGS))) {
            assertThat(model.model().name()).isEqualTo("llama-gqa");
        }
    }

    private static void assertChoosesAlike(Map<String, String> values) {
        assertThat(ModelChoice.in(new SmallRyeConfigBuilder()
                        .withDefaultValues(values)
                        .addDiscoveredConverters()
                        .build()))
                .isEqualTo(Optional.of(choice(values)));
    }

    private static ModelChoice choice(Map<String, String> values) {
        return ModelChoice.of(new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withDefaultValues(values)
                .build()
                .getConfigMapping(TidemarkSettings.class));
    }
}
