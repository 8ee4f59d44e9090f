package io.tidemark.catalog;

import io.tidemark.adapter.RegisteredAdapter;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The version of an adapter that a name stands for in one request.
 *
 * @param version      the version, which can be leased until the request ends
 * @param recordOffset the offset of the adapter's record; empty for a folder of the settings
 * @param alias        the alias that the request names; empty if it names the adapter
 * @param aliasOffset  the offset of the alias's record
 */
public record ChosenAdapter(
        RegisteredAdapter version, OptionalLong recordOffset, Optional<String> alias, OptionalLong aliasOffset) {

    /** The adapter that a request names itself. */
    static ChosenAdapter named(RegisteredAdapter version, OptionalLong recordOffset) {
        return new ChosenAdapter(version, recordOffset, Optional.empty(), OptionalLong.empty());
    }

    /** The adapter as the target of an alias. */
    ChosenAdapter through(String name, long offset) {
        return new ChosenAdapter(version, recordOffset, Optional.of(name), OptionalLong.of(offset));
    }

    /** The name of the adapter, never that of an alias. */
    public String id() {
        return version.id();
    }
}
