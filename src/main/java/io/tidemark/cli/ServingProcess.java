package io.tidemark.cli;

import io.quarkus.runtime.Quarkus;
import io.tidemark.stream.ServeApplication;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** Quarkus with the serving application in it, once per process. */
public final class ServingProcess {

    private final Map<String, String> settings;

    /** @param settings become system properties, which win over environment variables */
    public ServingProcess(Map<String, String> settings) {
        this.settings = Map.copyOf(settings);
    }

    /**
     * Runs until a signal, {@link #stop} or a failure ends it.
     *
     * @return the exit code
     * @throws CommandFailed when the application could not start, such as for a setting that is wrong
     */
    public int run() {
        settings.forEach(System::setProperty);
        AtomicInteger exitCode = new AtomicInteger();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        Quarkus.run(ServeApplication.class, (code, failure) -> {
            exitCode.set(code);
            failed.set(failure);
        });
        if (failed.get() != null) {
            throw new CommandFailed("the start has failed: " + FailureText.ofFirstCause(failed.get()), failed.get());
        }
        return exitCode.get();
    }

    /** Asks a running application to end; {@link #run} returns when it has. */
    public static void stop() {
        Quarkus.asyncExit(0);
    }
}
