package io.tidemark.benchmark.scaling;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;

/**
 * The rules of Kubernetes' HorizontalPodAutoscaler for external metrics with an {@code AverageValue}, with its default
 * policies: at least one pod, at most 4 more pods or twice as many in 15 s, no stabilization of increases, no limit of
 * decreases except the window.
 */
final class HorizontalAutoscaler {

    /** The time between two evaluations: {@code --horizontal-pod-autoscaler-sync-period}. */
    static final double SYNC_SECONDS = 15;
    /** How far a metric may be from its target, as a part of it: {@code --horizontal-pod-autoscaler-tolerance}. */
    private static final double TOLERANCE = 0.1;

    private final int maxReplicas;
    private final double stabilizationSeconds;
    private final Deque<Recommendation> recommendations = new ArrayDeque<>();

    private record Recommendation(double time, int replicas) {}

    /**
     * The value of a metric, summed over all pods.
     *
     * @param threshold value that one pod should have
     */
    record Metric(double value, double threshold) {

        /** The number of pods that the metric asks for. Small deviations from the present number do not count. */
        int replicas(int current) {
            double ratio = value / (threshold * current);
            return Math.abs(ratio - 1) <= TOLERANCE ? current : (int) Math.ceil(value / threshold);
        }
    }

    HorizontalAutoscaler(int maxReplicas, double stabilizationSeconds) {
        this.maxReplicas = maxReplicas;
        this.stabilizationSeconds = stabilizationSeconds;
    }

    /**
     * The number of pods from now on. Call it every {@link #SYNC_SECONDS}.
     *
     * @param current number of pods, 1 or more
     */
    int replicas(double now, int current, Collection<Metric> metrics) {
        int desired =
                metrics.stream().mapToInt(each -> each.replicas(current)).max().orElse(current);
        while (!recommendations.isEmpty() && recommendations.getFirst().time <= now - stabilizationSeconds) {
            recommendations.remove();
        }
        int highest = recommendations.stream()
                .mapToInt(Recommendation::replicas)
                .max()
                .orElse(desired);
        recommendations.add(new Recommendation(now, desired));
        int stabilized = Math.max(desired, Math.min(current, highest));
        int limit = Math.min(maxReplicas, Math.max(current + 4, 2 * current));
        return Math.max(1, Math.min(limit, stabilized));
    }
}
