package io.tidemark.text;

import java.util.List;

/**
 * The stop strings of a request, prepared for searching with the algorithm of Knuth, Morris and Pratt. A {@link Search}
 * for each choice costs a time in proportion to the characters of the text and the number of stop strings, whatever
 * their length. Preparing takes 4 bytes of heap for each character of a stop string. Immutable.
 */
public final class StopStrings {

    private final List<String> stops;

    /**
     * The failure function of each stop string: at {@code i}, the length of its longest beginning that also ends its
     * beginning of {@code i + 1} characters and is shorter.
     */
    private final int[][] borders;

    /** @throws IllegalArgumentException if a stop string is empty */
    public StopStrings(List<String> stops) {
        this.stops = List.copyOf(stops);
        this.borders = this.stops.stream().map(StopStrings::borders).toArray(int[][]::new);
    }

    private static int[] borders(String stop) {
        if (stop.isEmpty()) {
            throw new IllegalArgumentException("a stop string is empty; it would end each text before its beginning");
        }
        int[] borders = new int[stop.length()];
        for (int at = 1; at < stop.length(); at++) {
            borders[at] = longer(stop, borders, borders[at - 1], stop.charAt(at));
        }
        return borders;
    }

    /**
     * The length of the longest beginning of a stop string with which a text ends.
     *
     * @param length   how long this beginning was before the last character; less than the length of the stop string
     * @param appended the last character of the text
     */
    private static int longer(String stop, int[] borders, int length, char appended) {
        int longest = length;
        while (longest > 0 && stop.charAt(longest) != appended) {
            longest = borders[longest - 1];
        }
        return stop.charAt(longest) == appended ? longest + 1 : 0;
    }

    /** A search in the text of one choice. */
    public Search search() {
        return new Search();
    }

    /** Finds the stop strings in streamed text, also across chunk boundaries. Not thread-safe. */
    public final class Search {

        private final StringBuilder heldBack = new StringBuilder();

        /** The length of the longest beginning of each stop string with which the text ends. */
        private final int[] begun = new int[borders.length];

        private boolean found;

        private Search() {}

        /**
         * Adds a chunk and returns the text that can be sent. Holds back text that may be the beginning of a stop
         * string. Of several stop strings that are complete with this chunk, the one that begins first ends the text.
         */
        public String add(String chunk) {
            if (found) {
                return "";
            }
            int before = heldBack.length();
            heldBack.append(chunk);
            int first = Integer.MAX_VALUE;
            int longest = 0;
            for (int stop = 0; stop < borders.length; stop++) {
                int end = before + advance(stop, chunk);
                if (begun[stop] == borders[stop].length) {
                    first = Math.min(first, end - borders[stop].length);
                }
                longest = Math.max(longest, begun[stop]);
            }
            found = first < Integer.MAX_VALUE;
            if (found) {
                heldBack.setLength(first);
                return release(first);
            }
            return release(heldBack.length() - longest);
        }

        /** Reads a chunk up to the end of a stop string; returns the number of characters that were read. */
        private int advance(int stop, String chunk) {
            String text = stops.get(stop);
            int length = begun[stop];
            int read = 0;
            while (read < chunk.length() && length < text.length()) {
                length = longer(text, borders[stop], length, chunk.charAt(read));
                read++;
            }
            begun[stop] = length;
            return read;
        }

        /** The text that is still held back, at the end of the stream. */
        public String finish() {
            return release(heldBack.length());
        }

        /** Whether a stop string was found. */
        public boolean found() {
            return found;
        }

        private String release(int length) {
            String text = heldBack.substring(0, length);
            heldBack.delete(0, length);
            return text;
        }
    }
}
