package io.tidemark.text;

import java.util.List;

/** Finds stop strings in streamed text, also across chunk boundaries. Not thread-safe. */
public final class StopStrings {

    private final List<String> stops;
    private final StringBuilder heldBack = new StringBuilder();
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
        heldBack.append(chunk);
        int stop = firstStop();
        if (stop >= 0) {
            found = true;
            heldBack.setLength(stop);
            return release(stop);
        }
        return release(heldBack.length() - longestPrefix());
    }

    /** The text that is still held back, at the end of the stream. */
    public String finish() {
        return release(heldBack.length());
    }

    /** Whether a stop string was found. */
    public boolean found() {
        return found;
    }

    private int firstStop() {
        return stops.stream()
                .mapToInt(heldBack::indexOf)
                .filter(i -> i >= 0)
                .min()
                .orElse(-1);
    }

    /** Length of the longest suffix of the held-back text that is a prefix of a stop string. */
    private int longestPrefix() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, heldBack.length()); length > longest; length--) {
                if (stop.startsWith(heldBack.substring(heldBack.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }

    private String release(int length) {
        String text = heldBack.substring(0, length);
        heldBack.delete(0, length);
        return text;
    }
}
