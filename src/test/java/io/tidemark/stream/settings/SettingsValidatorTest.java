package io.tidemark.stream.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import jakarta.validation.constraints.Pattern;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsValidatorTest {

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource({
        "tidemark.engine.kv-bytes, 0",
        "tidemark.engine.adapter-bytes, 0",
        "tidemark.engine.prefix-cache, 99999999999999999999",
        "tidemark.limits.request-bytes, 0",
        "tidemark.limits.request-bytes, 5M",
        "tidemark.limits.format-bytes, 0",
        "tidemark.limits.format-bytes, 5M",
        "tidemark.limits.format-grammar-bytes, 0",
        "tidemark.limits.format-cache-bytes, 99999999999999999999",
        "tidemark.limits.format-compile-time, 0S",
        "tidemark.limits.format-compile-time, 6S",
        "tidemark.limits.format-mask-time, -1S",
        "tidemark.limits.format-step-time, 0S",
        "tidemark.topics.replication-factor, 0",
        "tidemark.topics.replication-factor, -7",
        "tidemark.topics.generation-requests, 'a,b, a'",
        "tidemark.topics.generation-requests, 'a|b,c|a'",
        "tidemark.topics.generation-requests, 'a||b'",
        "tidemark.topics.generation-requests, 'a*0|b'",
        "tidemark.topics.generation-requests, 'a*1.5|b'",
        "tidemark.topics.generation-requests, '*2'",
        "tidemark.tenants.divided, 'elsewhere=red'",
        "tidemark.tenants.divided, 'generation-requests'",
        "tidemark.tenants.divided, 'generation-requests=red|red'",
        "tidemark.tenants.max-open-tokens, 0",
        "tidemark.tenants.max-open-tokens, many",
        "tidemark.tenants.max-choices, 'generation-requests='",
        "tidemark.tenants.max-choices, '=2'",
        "tidemark.tenants.max-tokens, '1,2'",
        "tidemark.tenants.max-logprobs, -2",
        "tidemark.tenants.min-priority, 1",
        "tidemark.tenants.max-priority, -1",
        "tidemark.worker.low-priority-share, -0.1",
        "tidemark.worker.low-priority-share, 0.6",
        "tidemark.worker.low-priority-share, NaN",
        "tidemark.worker.shutdown-grace, -1S",
        "tidemark.tables.load-timeout, 0S",
        "tidemark.tables.max-staleness, 999MS",
        "tidemark.calibrator.tolerance, Infinity",
        "tidemark.calibrator.decision-interval, -1S",
        "tidemark.calibrator.alpha, 1",
        "tidemark.calibrator.alpha, NaN",
        "tidemark.calibrator.margin, -0.01",
        "tidemark.calibrator.loss-cap, 0.02",
        "tidemark.calibrator.gain-cap, 0",
        "tidemark.calibrator.min-samples, 1",
        "tidemark.calibrator.min-batches, 0",
        "tidemark.calibrator.batch-examples, 0",
        "tidemark.calibrator.false-alarm-examples, 9",
        "tidemark.calibrator.epoch-examples, 4001",
        "tidemark.calibrator.kept-candidates, none",
        "tidemark.calibrator.kept-candidates, 0",
        "tidemark.calibrator.candidates, 1",
        "tidemark.calibrator.candidates, all"
    })
    @DisplayName("An invalid value is rejected with the name of the property")
    void refused(String property, String value) {
        assertThatThrownBy(() -> SettingsValidator.require(settings(Map.of(property, value))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(property + " must be ");
    }

    @Test
    @DisplayName("A worker id that would not fit into the metadata of an offset is rejected")
    void longWorkerId() {
        assertThatThrownBy(() -> SettingsValidator.require(settings(Map.of("tidemark.worker-id", "ä".repeat(42)))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tidemark.worker-id must have at most 249 characters");
        assertThatCode(() -> SettingsValidator.require(settings(Map.of("tidemark.worker-id", "w".repeat(249)))))
                .doesNotThrowAnyException();
    }

    @Test
    @DisplayName("Settings of the rule that contradict each other are rejected, also the margin of the objective")
    void contradictions() {
        assertThatThrownBy(() -> SettingsValidator.require(settings(
                        Map.of("tidemark.calibrator.min-samples", "64", "tidemark.calibrator.epoch-examples", "63"))))
                .hasMessageStartingWith("tidemark.calibrator.min-samples (64) must not be above epoch-examples (63)");
        for (Map<String, String> tolerance : List.of(
                Map.of("tidemark.calibrator.objective", "tolerance:1"),
                Map.of("tidemark.calibrator.objective", "tolerance", "tidemark.calibrator.tolerance", "1"))) {
            assertThatThrownBy(() -> SettingsValidator.require(settings(tolerance)))
                    .hasMessageStartingWith("tidemark.calibrator.loss-cap must be above margin (1.0)");
        }
    }

    @Test
    @DisplayName("A candidate above the layers of the model is rejected with the name of the property")
    void candidates() {
        TidemarkSettings settings = settings(Map.of("tidemark.calibrator.candidates", "0,8,13"));
        assertThat(RuleOfSettings.of(settings.calibrator(), 13).candidates(13)).containsExactly(0, 8, 13);
        assertThatThrownBy(() -> RuleOfSettings.of(settings.calibrator(), 12))
                .hasMessageStartingWith("tidemark.calibrator.candidates must be from 0 to 12");
    }

    @Test
    @DisplayName("The defaults and the extreme values are accepted")
    void taken() {
        assertThatCode(() -> SettingsValidator.require(settings(Map.of()))).doesNotThrowAnyException();
        assertThatCode(() -> SettingsValidator.require(settings(Map.of(
                        "tidemark.worker.shutdown-grace",
                        "0S",
                        "tidemark.limits.request-bytes",
                        "4M",
                        "tidemark.topics.replication-factor",
                        "3"))))
                .doesNotThrowAnyException();
    }

    @Test
    @DisplayName("A limit of a tenant that does not exist is rejected, with the tenants that exist")
    void unknownTenant() {
        assertThatThrownBy(() -> SettingsValidator.require(settings(Map.of(
                        "tidemark.topics.generation-requests",
                        "team-a|team-b",
                        "tidemark.tenants.max-tokens",
                        "team-c=9"))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tidemark.tenants.max-tokens must be limits of tenants that exist")
                .hasMessageContaining("'team-c'")
                .hasMessageContaining("team-a, team-b");
    }

    @Test
    @DisplayName("A plain list of request topics is one topic for each rank, and '|' separates topics of equal rank")
    void requestTopics() {
        assertThat(RequestTopics.of(List.of("urgent", " bulk")).ranks())
                .containsExactly(List.of(new WeightedName("urgent", 1)), List.of(new WeightedName("bulk", 1)));
        RequestTopics shared = RequestTopics.of(List.of("urgent", "team-a*3 | team-b", "bulk"));
        assertThat(shared.ranks().get(1)).containsExactly(new WeightedName("team-a", 3), new WeightedName("team-b", 1));
        assertThat(shared.names()).containsExactly("urgent", "team-a", "team-b", "bulk");
    }

    @Test
    @DisplayName("The most specific limit of a tenant applies: its own, then that of its topic, then that of all")
    void limits() {
        TenantPlan plan = plan(Map.of(
                "tidemark.topics.generation-requests", "shared|own|other",
                "tidemark.tenants.divided", "shared=red*2|blue",
                "tidemark.tenants.max-tokens", "100,shared=200,shared/red=300"));
        assertThat(plan.divisionsOf("shared")).containsExactly(new WeightedName("red", 2), new WeightedName("blue", 1));
        assertThat(plan.divisionsOf("own")).isEmpty();
        LimitList tokens = plan.limits().maxTokens();
        assertThat(tokens.of("shared", "shared/red")).hasValue(300);
        assertThat(tokens.of("shared", "shared/blue")).hasValue(200);
        assertThat(tokens.of("shared", "shared")).hasValue(200);
        assertThat(tokens.of("own", "own")).hasValue(100);
        assertThat(plan.limits().maxOpenTokens().of("own", "own")).isEmpty();
    }

    private static TenantPlan plan(Map<String, String> values) {
        TidemarkSettings settings = settings(values);
        return TenantPlan.of(settings.topics(), settings.tenants());
    }

    @Test
    @DisplayName("A setting that does not exist stops the start, and the message has its name and where it is set")
    void unknownSetting() {
        Map<String, String> values = Map.of("tidemark.model.dir", "/model", "tidemark.topics.adapter", "x");
        SmallRyeConfigBuilder builder = new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withSources(new PropertiesConfigSource(values, "application.properties", 100));
        assertThatThrownBy(builder::build)
                .isInstanceOf(ConfigValidationException.class)
                .hasMessageContainingAll("tidemark.topics.adapter in ", "application.properties");
    }

    @Test
    @DisplayName("The tolerance of an objective is one number")
    void objective() throws NoSuchMethodException {
        String pattern = TidemarkSettings.CalibratorSettings.class
                .getMethod("objective")
                .getAnnotation(Pattern.class)
                .regexp();
        assertThat("tolerance:0.02").matches(pattern);
        assertThat("tolerance:.5").matches(pattern);
        assertThat("tolerance").matches(pattern);
        assertThat("tolerance:1.2.3").doesNotMatch(pattern);
        assertThat("tolerance:.").doesNotMatch(pattern);
        assertThat("tolerance:" + "9".repeat(400)).as("infinite as a double").doesNotMatch(pattern);
    }

    private static TidemarkSettings settings(Map<String, String> values) {
        Map<String, String> all = new HashMap<>(values);
        all.put("tidemark.model.dir", "/model");
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withMapping(TidemarkSettings.class)
                .withDefaultValues(all)
                .build()
                .getConfigMapping(TidemarkSettings.class);
    }
}
