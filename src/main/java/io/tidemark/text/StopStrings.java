package io.tidemark.text;

import java.util.List;

/** Finds stop strings in streamed text, also across chunk boundaries. */
public final class StopStrings {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean found;

    public StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /**
     * Adds a chunk and returns the text that can be sent. Holds back text that may be the beginning of a stop string.
     */
    public String add(String chunk) {
        if (found) {
            return "";
        }
        held.append(chunk);
        int stop = firstStop();
        if (stop >= 0) {
            found = true;
            held.setLength(stop);
            return release(stop);
        }
        return release(held.length() - longestPrefix());
    }

    /** The text that is still held back, at the end of the stream. */
    public String finish() {
        return release(held.length());
    }

    /** Whether a stop string was found. */
    public boolean found() {
        return found;
    }

    private int firstStop() {
        return stops.stream().mapToInt(held::indexOf).filter(i -> i >= 0).min().orElse(-1);
    }

    /** Length of the longest suffix of the held text that is a prefix of a stop string. */
    private int longestPrefix() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (stop.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }

    private String release(int length) {
        String text = held.substring(0, length);
        held.delete(0, length);
        return text;
    }
}
