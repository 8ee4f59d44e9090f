package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The layout of an engine")
class EngineLayoutTest {

    @Test
    @DisplayName("The threads of all groups of any width are never more than the processors")
    void threads() {
        for (int processors = 1; processors <= 64; processors++) {
            for (int threads = 1; threads <= processors; threads++) {
                int instances = processors / threads;
                EngineLayout layout =
                        new EngineLayout(instances, threads, Math.max(threads, Math.min(processors, 16)), 1, false);
                for (int width : layout.groupWidths()) {
                    assertThat(InstanceGroup.all(width, instances).stream()
                                    .mapToInt(layout::threadsOf)
                                    .sum())
                            .as(layout + ", width " + width)
                            .isLessThanOrEqualTo(processors);
                }
            }
        }
    }
}
