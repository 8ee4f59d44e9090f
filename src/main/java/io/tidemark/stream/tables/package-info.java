/**
 * Compacted topics as tables: read to the end that was asked for at the start, then followed. It knows Kafka's consumer
 * and the boundary rules. Start reading at {@link io.tidemark.stream.tables.TableReader}.
 */
package io.tidemark.stream.tables;
