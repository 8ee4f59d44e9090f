/**
 * A simulation of autoscaling on a virtual clock: requests arrive in bursts, workers of measured throughput consume
 * them as members of a consumer group, and KEDA sets the number of workers by a signal. Depends on {@code load}, whose
 * classes measure the simulated workers as they measure real ones, and on {@code generation}, whose
 * {@link io.tidemark.generation.EngineLoad} the simulated engine implements. Start with
 * {@link io.tidemark.benchmark.scaling.ScalingSimulation}.
 */
package io.tidemark.benchmark.scaling;
