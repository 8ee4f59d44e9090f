package io.tidemark.cli;

import io.quarkus.runtime.Quarkus;
import io.tidemark.stream.ServeApplication;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** Quarkus with the serving application in it, once per process. */
public final class ServingProcess {

    private final Map<String, String> settings;

    /** @param settings become system properties, which win over environment variables */
    public ServingProcess(Map<String, String> settings) {
        this.settings = Map.copyOf(settings);
    }

    /**
     * Runs until a signal, {@link #stop} or a failure ends it. A failure goes to stderr: one of the settings comes
     * before logging is set up, and would be told to nobody.
     *
     * @return the exit code
     */
    public int run() {
        settings.forEach(System::setProperty);
        AtomicInteger exitCode = new AtomicInteger();
        Quarkus.run(ServeApplication.class, (code, failure) -> {
            if (failure != null) {
                System.err.println("tidemark: " + FailureText.oneLine(rootCause(failure)));
            }
            exitCode.set(failure == null ? code : 1);
        });
        return exitCode.get();
    }

    private static Throwable rootCause(Throwable failure) {
        return failure.getCause() == null ? failure : rootCause(failure.getCause());
    }

    /** Asks a running application to end; {@link #run} returns when it has. */
    public static void stop() {
        Quarkus.asyncExit(0);
    }
}
