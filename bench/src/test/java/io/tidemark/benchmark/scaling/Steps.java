package io.tidemark.benchmark.scaling;

/** Runs events of a simulation. */
final class Steps {

    private Steps() {}

    /** Runs the events up to a time in seconds. */
    static void runTo(VirtualClock clock, double time) {
        boolean[] reached = {false};
        clock.after(time - clock.now(), () -> reached[0] = true);
        while (!reached[0]) {
            clock.step();
        }
    }
}
