package io.tidemark.generation.layout;

import static io.tidemark.generation.layout.SimulatedEngine.TWO;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The preferred width by number of rows")
class WidthsByRowsTest {

    @Test
    @DisplayName("Rows near the next class begin with the initial width of their own class")
    void newClass() {
        WidthsByRows widths = new WidthsByRows(TWO);
        PreferredWidth withoutAdapters = widths.update(1, 22, false);
        for (int round = 0; round < 40; round++) {
            assertThat(widths.update(1, 27, false)).as("preference of 22 rows").isSameAs(withoutAdapters);
        }
        PreferredWidth withAdapters = widths.update(1, 27, true);
        assertThat(withAdapters.initial()).isEqualTo(1);
        assertThat(withAdapters.width()).isEqualTo(1);
    }
}
