package io.tidemark.decoder.script;

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
        int size = 0;
        for (long[] part : parts) {
            size += part.length;
        }
        long[] numbers = new long[size];
        int end = 0;
        for (long[] part : parts) {
            System.arraycopy(part, 0, numbers, end, part.length);
            end += part.length;
        }
        return numbers;
    }

    /** The size of each part; every part must be set. */
    public long[] sizes() {
        long[] sizes = new long[parts.length];
        for (int part = 0; part < sizes.length; part++) {
            sizes[part] = parts[part].length;
        }
        return sizes;
    }
}
