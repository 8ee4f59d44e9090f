package io.tidemark.decoder.script;

import java.util.Arrays;

/**
 * Numbers in several parts, which the script takes as one list with the parts one after another and one list with their
 * sizes. One list of numbers crosses the border faster than several.
 *
 * @param <P> the layout of the parts
 */
public final class PartList<P extends Enum<P>> {

    private final long[][] parts;

    public PartList(Class<P> layout) {
        parts = new long[layout.getEnumConstants().length][];
    }

    public void set(P part, long... numbers) {
        parts[part.ordinal()] = numbers;
    }

    /** All numbers; every part must be set. */
    public long[] numbers() {
        return Arrays.stream(parts).flatMapToLong(Arrays::stream).toArray();
    }

    /** The size of each part; every part must be set. */
    public long[] sizes() {
        return Arrays.stream(parts).mapToLong(part -> part.length).toArray();
    }
}
