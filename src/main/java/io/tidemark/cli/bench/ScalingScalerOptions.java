package io.tidemark.cli.bench;

import io.tidemark.benchmark.scaling.ScalerSettings;
import picocli.CommandLine.Option;

/** The ScaledObject and Prometheus of {@code bench scaling}. */
final class ScalingScalerOptions {

    @Option(
            names = "--min-replicas",
            paramLabel = "N",
            defaultValue = "1",
            description = "minReplicaCount. Default: ${DEFAULT-VALUE}.")
    private int minReplicas;

    @Option(
            names = "--max-replicas",
            paramLabel = "N",
            defaultValue = "12",
            description = "maxReplicaCount. Default: ${DEFAULT-VALUE}.")
    private int maxReplicas;

    @Option(
            names = "--stabilization-seconds",
            paramLabel = "S",
            defaultValue = "120",
            description = "Stabilization window of decreases. Default: ${DEFAULT-VALUE}.")
    private double stabilizationSeconds;

    @Option(
            names = "--cooldown-seconds",
            paramLabel = "S",
            defaultValue = "300",
            description =
                    "cooldownPeriod: time without lag until the last worker is removed. Default: ${DEFAULT-VALUE}.")
    private double cooldownSeconds;

    @Option(
            names = "--metrics-seconds",
            paramLabel = "S",
            defaultValue = "10",
            description =
                    "Interval of the values that the scaler reads, scrapes and rules together. Default: ${DEFAULT-VALUE}.")
    private double metricsSeconds;

    ScalerSettings settings() {
        return new ScalerSettings(minReplicas, maxReplicas, stabilizationSeconds, cooldownSeconds, metricsSeconds);
    }
}
