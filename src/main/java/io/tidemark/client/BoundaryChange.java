package io.tidemark.client;

import io.tidemark.message.TableEntry;

/**
 * The boundary table's value for an adapter, at first or after a change.
 *
 * @param adapter the id of the adapter
 * @param entry   a boundary record, a value that is none, or {@link TableEntry.Absent} after a tombstone
 */
public record BoundaryChange(String adapter, TableEntry entry) {}
