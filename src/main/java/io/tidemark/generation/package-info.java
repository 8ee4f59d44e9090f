/**
 * Continuous batching: requests wait, join the running batch at any step with their own adapter, boundary and sampling,
 * and leave as text. It knows {@code boundary}, {@code model} and {@code adapter}, and nothing of Kafka.
 * Start with {@link io.tidemark.generation.GenerationEngine}, then {@code RequestQueue}, {@code EngineInstance}, {@code StepLoop} and
 * {@code Scheduler}.
 */
package io.tidemark.generation;
