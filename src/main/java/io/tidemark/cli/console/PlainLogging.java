package io.tidemark.cli.console;

import java.util.logging.ConsoleHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * Logging without Quarkus: warnings go to stderr. A command that {@link StartsQuarkus} does not change
 * the handlers, which buffer early lines until Quarkus has configured logging.
 */
final class PlainLogging {

    /** The root logger. A field holds it because a logger that is garbage collected loses its level. */
    private static final Logger ROOT = Logger.getLogger("");

    private static final Logger KAFKA = Logger.getLogger("org.apache.kafka");

    private PlainLogging() {}

    /** Limits the lines that are logged before Quarkus sets its levels; the buffer of its handler is small. */
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
        // The commands report a broker that does not answer.
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
