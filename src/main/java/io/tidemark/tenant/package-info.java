/**
 * Whose work is next: shares of tenants by rank, topic and weight, and turns on threads. Depends on nothing else. Start
 * reading at {@link io.tidemark.tenant.TenantOrder}, then {@link io.tidemark.tenant.TenantTurns}.
 */
package io.tidemark.tenant;
