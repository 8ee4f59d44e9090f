package io.tidemark.catalog;

import io.tidemark.message.WorkerStateRecord.State;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a name stands for in this process.
 *
 * @param digest  of the version that requests get; empty for an alias, a failed name, and a folder that was never
 *                loaded
 * @param offset  of the record that requests get; empty for a folder of the settings and a failed name
 * @param next    the digest of a version whose files are fetched to replace this one
 * @param reason  why the last record of the name has no effect, or its files can't be had, such as {@code wrong_digest}
 * @param message the reason for people
 */
public record NameState(
        String name,
        State state,
        Optional<String> digest,
        OptionalLong offset,
        Optional<String> next,
        Optional<String> reason,
        Optional<String> message) {}
