package io.tidemark.cli;

import java.util.logging.ConsoleHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * Logging without Quarkus: warnings to stderr, so that stdout holds only what the command wrote. A command that
 * {@link StartsQuarkus} leaves the handlers alone, which keep early lines until Quarkus knows where they go.
 */
final class PlainLogging {

    /** Kept here because a logger that nobody holds loses its level. */
    private static final Logger ROOT = Logger.getLogger("");

    private static final Logger KAFKA = Logger.getLogger("org.apache.kafka");

    private PlainLogging() {}

    /** For what is logged before Quarkus sets its own levels: its handler keeps these lines, and has little room. */
    static void untilQuarkusStarts() {
        ROOT.setLevel(Level.WARNING);
    }

    static void apply(boolean verbose) {
        for (Handler handler : ROOT.getHandlers()) {
            ROOT.removeHandler(handler);
        }
        Handler console = new ConsoleHandler();
        console.setLevel(Level.ALL);
        console.setFormatter(new OneLine());
        ROOT.addHandler(console);
        ROOT.setLevel(verbose ? Level.INFO : Level.WARNING);
        // The commands say themselves, and once, that a broker doesn't answer.
        KAFKA.setLevel(verbose ? Level.INFO : Level.SEVERE);
    }

    private static final class OneLine extends Formatter {

        @Override
        public String format(LogRecord record) {
            return record.getLevel() + " " + record.getLoggerName() + ": " + formatMessage(record)
                    + System.lineSeparator();
        }
    }
}
