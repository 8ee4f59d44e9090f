/**
 * What probes ask for under {@code /q/health}: a class each. It knows the life of the process only.
 * Start reading at {@link io.tidemark.stream.health.ReadyCheck}.
 */
package io.tidemark.stream.health;
