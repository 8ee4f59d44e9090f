/**
 * The health checks below {@code /q/health}. The package depends on {@code stream.serving} only. Start reading at
 * {@link io.tidemark.stream.health.ReadyCheck}.
 */
package io.tidemark.stream.health;
