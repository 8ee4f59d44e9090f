package io.tidemark.text;

import java.util.List;

/** Finds stop strings in text that comes in pieces, also across their borders. */
public final class StopStrings {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean found;

    public StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /** The text that can be shown now: what might be the beginning of a stop string is held back. */
    public String add(String piece) {
        if (found) {
            return "";
        }
        held.append(piece);
        int stop = firstStop();
        if (stop >= 0) {
            found = true;
            held.setLength(stop);
            return release(stop);
        }
        return release(held.length() - longestBeginning());
    }

    /** The text still held back, once no more comes. */
    public String finish() {
        return release(held.length());
    }

    public boolean found() {
        return found;
    }

    private int firstStop() {
        return stops.stream().mapToInt(held::indexOf).filter(i -> i >= 0).min().orElse(-1);
    }

    /** Length of the longest end of the held text that a stop string begins with. */
    private int longestBeginning() {
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
