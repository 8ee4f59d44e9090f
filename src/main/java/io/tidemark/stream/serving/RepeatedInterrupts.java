package io.tidemark.stream.serving;

import java.time.Duration;

/** What ends a thread that may not hear the first. */
final class RepeatedInterrupts {

    /** What a load may take to its next tensor at most. */
    static final Duration PATIENCE = Duration.ofMinutes(1);
    /** Long beside what one costs a thread that heeds the first, short beside what a user who stops a process would notice. */
    private static final long MILLIS_BETWEEN = 100;

    private RepeatedInterrupts() {}

    /**
     * Interrupts a thread until it has ended or the given time is over. One interrupt is not enough for a thread that loads
     * a model: what it passes on its way, such as the start of libtorch, may take one for itself and say nothing.
     *
     * @throws InterruptedException when the calling thread is interrupted meanwhile
     */
    static void end(Thread thread, Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (thread.isAlive() && System.nanoTime() - deadline < 0) {
            thread.interrupt();
            thread.join(MILLIS_BETWEEN);
        }
    }
}
