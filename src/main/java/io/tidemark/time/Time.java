package io.tidemark.time;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;

/**
 * The time as a service sees it. A service takes it as an argument, so that a test runs the service on one thread with
 * a clock that the test advances. Implementations may be used by any thread.
 */
public interface Time {

    /** The time of the day, for records and deadlines. */
    Instant instant();

    /** Nanoseconds since an arbitrary moment. Never decreases; only differences have a meaning. */
    long nanoTime();

    /** Waits, at most for this time: an interrupt ends the wait and remains set. */
    void sleep(Duration duration);

    /** Nanoseconds since an earlier {@link #nanoTime}. */
    default long nanosSince(long start) {
        return nanoTime() - start;
    }

    /** The time of the machine. */
    static Time system() {
        return SystemTime.INSTANCE;
    }

    /** The clocks of the Java platform. */
    enum SystemTime implements Time {
        INSTANCE;

        @Override
        public Instant instant() {
            return Instant.now();
        }

        @Override
        public long nanoTime() {
            return System.nanoTime();
        }

        @Override
        public void sleep(Duration duration) {
            LockSupport.parkNanos(duration.toNanos());
        }
    }
}
