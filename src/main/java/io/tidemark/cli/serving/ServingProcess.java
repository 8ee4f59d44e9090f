package io.tidemark.cli.serving;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusBindException;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.FailureText;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.model.ComputeTypeChoice;
import io.tidemark.model.Kernels;
import io.tidemark.stream.ServeApplication;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.LoggerFactory;

/** Runs Quarkus with the worker and the calibrator in this process; possible once per process. */
public final class ServingProcess {

    /** What the message of a failed start begins with. */
    public static final String START_FAILED = "the start has failed: ";

    private final Map<String, String> settings;

    /**
     * Options of the command line that replace settings. Absent options leave the setting to environment variables and
     * defaults.
     */
    public record Options(
            Optional<Role> role,
            Optional<Path> model,
            Optional<String> modelName,
            List<NamedFolder> adapters,
            Optional<Path> adapterFolder,
            Optional<ComputeTypeChoice> computeType,
            Optional<Kernels> kernels,
            Optional<Integer> httpPort) {

        public Options {
            adapters = List.copyOf(adapters);
        }

        /**
         * The options as settings, in a map that the caller may change.
         *
         * @param brokers {@code bootstrap.servers}
         */
        public Map<String, String> settings(Optional<String> brokers) {
            Map<String, String> settings = new LinkedHashMap<>();
            brokers.ifPresent(servers -> settings.put("kafka.bootstrap.servers", servers));
            role.ifPresent(value -> settings.put("tidemark.role", value.name().toLowerCase(Locale.ROOT)));
            model.ifPresent(folder -> settings.put("tidemark.model.dir", folder.toString()));
            modelName.ifPresent(name -> settings.put("tidemark.model.name", name));
            adapters.forEach(adapter -> settings.put(
                    "tidemark.adapters.\"" + adapter.name() + "\"",
                    adapter.folder().toString()));
            adapterFolder.ifPresent(folder -> settings.put("tidemark.adapter-folder", folder.toString()));
            computeType.ifPresent(type -> settings.put("tidemark.engine.compute-type", type.toString()));
            kernels.ifPresent(choice -> settings.put("tidemark.engine.kernels", choice.label()));
            httpPort.ifPresent(port -> settings.put("quarkus.http.port", Integer.toString(port)));
            return settings;
        }
    }

    /** @param settings become system properties, which take precedence over environment variables */
    public ServingProcess(Map<String, String> settings) {
        this.settings = Map.copyOf(settings);
    }

    /**
     * Runs until a signal, {@link #stop} or a failure ends the application.
     *
     * @return the exit code
     * @throws CommandException when the application cannot start, for example because of a wrong setting
     */
    public int run() {
        settings.forEach(System::setProperty);
        LoggerFactory.getILoggerFactory(); // first use by two threads would print a list of loggers
        AtomicInteger exitCode = new AtomicInteger();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        Quarkus.run(ServeApplication.class, (code, failure) -> {
            exitCode.set(code);
            failed.set(failure);
        });
        if (failed.get() != null) {
            throw new CommandException(START_FAILED + reason(failed.get()), failed.get());
        }
        return exitCode.get();
    }

    private static String reason(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof QuarkusBindException taken) {
                return "the HTTP port " + taken.getPort()
                        + " is taken; choose another one with --port (QUARKUS_HTTP_PORT)";
            }
        }
        return FailureText.ofRootCause(failure);
    }

    /** Ends a running application; {@link #run} returns afterwards. */
    public static void stop() {
        Quarkus.asyncExit(0);
    }
}
