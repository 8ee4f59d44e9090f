/**
 * Compacted topics as in-memory tables, read to the end at the start and followed afterwards. Depends on Kafka's
 * clients and on the boundary record. Start reading at {@link io.tidemark.stream.tables.TableReader}.
 */
package io.tidemark.stream.tables;
