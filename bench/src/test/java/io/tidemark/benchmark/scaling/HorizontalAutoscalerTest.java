package io.tidemark.benchmark.scaling;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.benchmark.scaling.HorizontalAutoscaler.Metric;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Horizontal autoscaler")
class HorizontalAutoscalerTest {

    @ParameterizedTest(name = "value {0}, threshold {1}, {2} pods: {3}")
    @CsvSource({
        "100, 50, 1, 2",
        "101, 50, 1, 3",
        "109, 50, 2, 2",
        "111, 50, 2, 3",
        "91, 50, 2, 2",
        "89, 50, 3, 2",
        "0, 50, 3, 0"
    })
    @DisplayName("A metric asks for its value over the threshold, rounded up, and not within 10% of the present number")
    void metric(double value, double threshold, int current, int expected) {
        assertThat(new Metric(value, threshold).replicas(current)).isEqualTo(expected);
    }

    @Test
    @DisplayName("The metric that asks for most pods counts")
    void maximum() {
        HorizontalAutoscaler autoscaler = new HorizontalAutoscaler(100, 300);
        assertThat(autoscaler.replicas(0, 2, List.of(new Metric(9, 3), new Metric(5, 1))))
                .isEqualTo(5);
    }

    @Test
    @DisplayName("At most four more pods or twice as many start in 15 s, up to the maximum")
    void increase() {
        HorizontalAutoscaler autoscaler = new HorizontalAutoscaler(30, 300);
        List<Metric> much = List.of(new Metric(1000, 1));
        assertThat(autoscaler.replicas(0, 1, much)).isEqualTo(5);
        assertThat(autoscaler.replicas(15, 5, much)).isEqualTo(10);
        assertThat(autoscaler.replicas(30, 10, much)).isEqualTo(20);
        assertThat(autoscaler.replicas(45, 20, much)).isEqualTo(30);
    }

    @Test
    @DisplayName("Pods end when the highest recommendation of the window is lower, down to one")
    void decrease() {
        HorizontalAutoscaler autoscaler = new HorizontalAutoscaler(30, 60);
        assertThat(autoscaler.replicas(0, 8, List.of(new Metric(8, 1)))).isEqualTo(8);
        assertThat(autoscaler.replicas(15, 8, List.of(new Metric(5, 1)))).isEqualTo(8);
        assertThat(autoscaler.replicas(30, 8, List.of(new Metric(0, 1)))).isEqualTo(8);
        assertThat(autoscaler.replicas(60, 8, List.of(new Metric(0, 1)))).isEqualTo(5);
        assertThat(autoscaler.replicas(75, 5, List.of(new Metric(0, 1)))).isEqualTo(1);
    }
}
