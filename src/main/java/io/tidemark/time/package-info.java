/**
 * The clock of services, which tests replace. Depends on nothing. It has one type, {@link io.tidemark.time.Time}.
 */
package io.tidemark.time;
