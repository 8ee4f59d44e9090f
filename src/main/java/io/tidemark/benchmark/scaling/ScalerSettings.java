package io.tidemark.benchmark.scaling;

/**
 * Properties of the ScaledObject and of Prometheus.
 *
 * @param minReplicas          {@code minReplicaCount}
 * @param maxReplicas          {@code maxReplicaCount}
 * @param stabilizationSeconds {@code scaleDown.stabilizationWindowSeconds}
 * @param cooldownSeconds      {@code cooldownPeriod}
 * @param metricsSeconds       interval of the values that the scaler reads: Prometheus scrapes workers and evaluates
 *                             rules
 */
public record ScalerSettings(
        int minReplicas, int maxReplicas, double stabilizationSeconds, double cooldownSeconds, double metricsSeconds) {

    public ScalerSettings {
        if (minReplicas < 0
                || maxReplicas < Math.max(1, minReplicas)
                || !(stabilizationSeconds >= 0)
                || !(cooldownSeconds >= 0)
                || !(metricsSeconds > 0)) {
            throw new IllegalArgumentException("replicas must be 0 <= min <= max and 1 <= max, and times not negative");
        }
    }
}
