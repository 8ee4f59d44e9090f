package io.tidemark.stream;

import io.quarkus.logging.LoggingFilter;
import io.tidemark.time.Time;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.logging.Filter;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.regex.Pattern;

/**
 * Passes a warning or an error of a library once a minute, with the number of those that were left out since. Warnings
 * of one logger are of the same kind if their texts differ only in ids, addresses and numbers: during an outage, each
 * Kafka client logs several a second. What Tidemark logs always passes. Used by any thread.
 */
@LoggingFilter(name = "repeated-warnings")
public final class RepeatedWarnings implements Filter {

    private static final long PAUSE_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** Some 50 KB: what has not occurred for the longest time is forgotten. */
    private static final int MAX_KINDS = 200;

    private static final int MAX_CHARACTERS = 120;
    private static final String OWN = "io.tidemark.";
    /** A prefix such as {@code [Producer clientId=…]}, what is in parentheses, and words with a digit. */
    private static final Pattern VARIABLE = Pattern.compile("^\\[[^]]*] ?|\\([^)]*\\)?|\\S*\\d\\S*");

    private final Time time;

    /** Guarded by this. */
    private final Map<String, Kind> kinds = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Kind> eldest) {
            return size() > MAX_KINDS;
        }
    };

    /** @param leftOut how many were left out since one has passed */
    private record Kind(long passedNanos, long leftOut) {}

    /** The filter of the console, which Quarkus creates. */
    public RepeatedWarnings() {
        this(Time.system());
    }

    RepeatedWarnings(Time time) {
        this.time = time;
    }

    @Override
    public boolean isLoggable(LogRecord record) {
        String logger = Optional.ofNullable(record.getLoggerName()).orElse("");
        String message = record.getMessage();
        if (record.getLevel().intValue() < Level.WARNING.intValue() || logger.startsWith(OWN) || message == null) {
            return true;
        }
        long leftOut = leftOut(logger + " " + kind(message));
        if (leftOut > 0) {
            record.setMessage(message + " (" + leftOut + " similar lines left out)");
        }
        return leftOut >= 0;
    }

    private static String kind(String message) {
        String text = VARIABLE.matcher(message).replaceAll("");
        return text.substring(0, Math.min(text.length(), MAX_CHARACTERS));
    }

    /** How many of the kind were left out since one has passed; -1 if this one is left out, too. */
    private synchronized long leftOut(String name) {
        Optional<Kind> known = Optional.ofNullable(kinds.get(name));
        if (known.isPresent() && time.nanosSince(known.get().passedNanos) < PAUSE_NANOS) {
            kinds.put(name, new Kind(known.get().passedNanos, known.get().leftOut + 1));
            return -1;
        }
        kinds.put(name, new Kind(time.nanoTime(), 0));
        return known.map(Kind::leftOut).orElse(0L);
    }
}
