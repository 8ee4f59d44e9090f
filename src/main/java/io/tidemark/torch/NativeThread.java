package io.tidemark.torch;

import com.sun.jna.Function;

/** The system's thread of the caller. */
final class NativeThread {

    /** {@code PRIO_PROCESS}, which for Linux is a thread; 0 is the calling one. */
    private static final int THREAD = 0;
    /** A thread of normal priority that wants the same core gets nine times as much of it. */
    private static final int NICE = 10;

    private NativeThread() {}

    /** On Linux alone a thread has a priority of its own; elsewhere the call would take the process's, and is not made. */
    static void lowerThreadPriority() {
        if (!System.getProperty("os.name").equals("Linux")) {
            return;
        }
        try {
            Function.getFunction("c", "setpriority").invokeInt(new Object[] {THREAD, 0, NICE});
        } catch (UnsatisfiedLinkError e) {
            System.getLogger(NativeThread.class.getName())
                    .log(System.Logger.Level.DEBUG, "the thread keeps its priority", e);
        }
    }
}
