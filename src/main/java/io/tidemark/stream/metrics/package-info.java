/**
 * What the process counts, as Micrometer meters that {@code /q/metrics} shows. It knows the registry only; names of
 * adapters come from what is loaded, never from a client. Start reading at
 * {@link io.tidemark.stream.metrics.WorkerMetrics}.
 */
package io.tidemark.stream.metrics;
