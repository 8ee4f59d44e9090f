package io.tidemark.cli.demo;

/**
 * Interrupts a part of a thread's work on Ctrl-C. Only that part may be interrupted: Kafka ends the process if its
 * broker is interrupted while it starts or stops.
 */
final class Interruption {

    private boolean requested;
    private boolean inside;
    private Thread worker;

    /** Work that may be interrupted. */
    interface Work {
        void run() throws InterruptedException;
    }

    /** Interrupts the work, or prevents it from starting. May be called by any thread. */
    synchronized void request() {
        requested = true;
        if (inside) {
            worker.interrupt();
        }
    }

    /** @throws InterruptedException when an interruption was requested before or during the work */
    void during(Work work) throws InterruptedException {
        enter();
        try {
            work.run();
        } finally {
            leave();
        }
    }

    private synchronized void enter() throws InterruptedException {
        if (requested) {
            throw new InterruptedException("interrupted");
        }
        worker = Thread.currentThread();
        inside = true;
    }

    private synchronized void leave() {
        inside = false;
        Thread.interrupted(); // clears the flag: the shutdown that follows must not be interrupted
    }
}
