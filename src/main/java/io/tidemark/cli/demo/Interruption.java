package io.tidemark.cli.demo;

import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Ctrl-C for a part of a thread's work. Interrupting anything else would do harm: Kafka ends the process at once when
 * its broker is interrupted while it starts or stops.
 */
final class Interruption {

    /** Held, or the level would be forgotten with the logger. */
    private static final Logger KAFKA = Logger.getLogger("org.apache.kafka");

    private boolean asked;
    private boolean inside;
    private Thread worker;

    /** Work that may be interrupted. */
    interface Work {
        void run() throws InterruptedException;
    }

    /** Interrupts the work now, or keeps it from beginning. Any thread may ask. */
    synchronized void ask() {
        asked = true;
        if (inside) {
            KAFKA.setLevel(Level.OFF); // clients complain of being interrupted, and that was the intention
            worker.interrupt();
        }
    }

    /** @throws InterruptedException when the end was asked for, before or during the work */
    void during(Work work) throws InterruptedException {
        enter();
        try {
            work.run();
        } finally {
            leave();
        }
    }

    private synchronized void enter() throws InterruptedException {
        if (asked) {
            throw new InterruptedException("asked to end");
        }
        worker = Thread.currentThread();
        inside = true;
    }

    private synchronized void leave() {
        inside = false;
        Thread.interrupted(); // what follows is the orderly end, which must not be interrupted
    }
}
