package io.tidemark.boundary;

/** What the table of boundaries holds for one adapter. */
public sealed interface TableEntry {

    /** A record that could be read. */
    record Present(BoundaryRecord record) implements TableEntry {}

    /** No record yet, or a tombstone. */
    record Absent() implements TableEntry {}

    /**
     * A value that is no boundary record; it counts like none, and the reader goes on.
     *
     * @param code    {@code invalid_json}, {@code invalid_record} or {@code key_mismatch}
     * @param message what is wrong with it, a sentence for operators
     */
    record Broken(String code, String message) implements TableEntry {}
}
