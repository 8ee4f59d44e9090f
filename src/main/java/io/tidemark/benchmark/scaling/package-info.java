/**
 * A simulation of autoscaling on a virtual clock: requests arrive in bursts, workers of measured throughput consume
 * them as members of a consumer group, and KEDA sets the number of workers by a signal. Depends on no other package.
 * Start with {@link io.tidemark.benchmark.scaling.ScalingSimulation}.
 */
package io.tidemark.benchmark.scaling;
