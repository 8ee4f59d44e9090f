package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.SmallRyeConfigBuilder;
import io.tidemark.model.ComputeType;
import io.tidemark.stream.settings.EngineSettings;
import io.tidemark.stream.settings.TidemarkSettings;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("the budget for keys and values")
class KvBudgetTest {

    @Test
    @DisplayName("is what the setting says, wherever it is")
    void isSet() {
        assertThat(KvBudget.of(engine(Map.of("tidemark.engine.kv-bytes", "3M")), OptionalLong.of(80L << 30))).isEqualTo(3 << 20);
        assertThat(KvBudget.of(engine(Map.of("tidemark.engine.kv-bytes", "3M")), OptionalLong.empty())).isEqualTo(3 << 20);
    }

    @Test
    @DisplayName("is 512 MiB on a CPU, and on a GPU four fifths of what weights and adapters leave")
    void isDerived() {
        assertThat(KvBudget.of(engine(Map.of()), OptionalLong.empty())).isEqualTo(512 << 20);
        assertThat(KvBudget.of(engine(Map.of()), OptionalLong.of(11L << 30))).isBetween((8L << 30) - 5, 8L << 30);
    }

    @Test
    @DisplayName("stands beside a compute type that follows the device, unless one is named")
    void computeType() {
        assertThat(BaseModel.computeType(engine(Map.of()).computeType(), false)).isEqualTo(ComputeType.FP32);
        assertThat(BaseModel.computeType(engine(Map.of()).computeType(), true)).isEqualTo(ComputeType.BF16);
        assertThat(BaseModel.computeType(engine(Map.of("tidemark.engine.compute-type", "fp32")).computeType(), true)).isEqualTo(ComputeType.FP32);
    }

    @Test
    @DisplayName("names the setting that leaves nothing of the GPU's memory")
    void noRoom() {
        assertThatThrownBy(() -> KvBudget.of(engine(Map.of("tidemark.engine.adapter-bytes", "8G")), OptionalLong.of(8L << 30)))
                .hasMessageContaining("tidemark.engine.adapter-bytes");
    }

    private static EngineSettings engine(Map<String, String> values) {
        Map<String, String> all = new HashMap<>(values);
        all.put("tidemark.model.dir", "/model");
        return new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(TidemarkSettings.class)
                .withDefaultValues(all).build().getConfigMapping(TidemarkSettings.class).engine();
    }
}
