/**
 * Which request of those that were read starts next: shares of tenants and of the heap, and requests that run alone
 * after deaths. Depends on {@code stream.delivery.partition}, {@code stream.delivery.reply}, {@code request}, {@code
 * load} and {@code tenant}. Start reading at {@link io.tidemark.stream.delivery.start.ReadAhead}, then {@link
 * io.tidemark.stream.delivery.start.CrashIsolation}.
 */
package io.tidemark.stream.delivery.start;
