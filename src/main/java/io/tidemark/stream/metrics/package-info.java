/**
 * The Micrometer meters of the services. The package depends on the meter registry, and on the types whose values it
 * exports. Start reading at {@link io.tidemark.stream.metrics.WorkerMetrics}.
 */
package io.tidemark.stream.metrics;
