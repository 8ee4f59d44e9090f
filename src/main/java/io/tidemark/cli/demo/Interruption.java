package io.tidemark.cli.demo;

/**
 * Ctrl-C for a part of a thread's work. Interrupting anything else would do harm: Kafka ends the process at once when
 * its broker is interrupted while it starts or stops.
 */
final class Interruption {

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
