/**
 * Continuous batching: requests are queued, join the running batch at any step with their own adapter, boundary and
 * sampling, and produce text. Depends on {@code boundary}, {@code model}, {@code text}, {@code grammar} and
 * {@code decoder}, but not on Kafka. Start with {@link io.tidemark.generation.GenerationEngine}, then
 * {@code RequestQueue}, {@code EngineThread}, {@code StepLoop} and {@code Scheduler}.
 */
package io.tidemark.generation;
