/**
 * The Micrometer meters of the services. They are listeners of the services, or read values when metrics are scraped;
 * no service depends on them. Start reading at {@link io.tidemark.stream.metrics.WorkerMetrics}.
 */
package io.tidemark.stream.metrics;
