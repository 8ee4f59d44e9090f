package io.tidemark.stream;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Logger;

/** The log of a class while an action of a test runs. */
public final class LogCapture extends Handler {

    private final List<String> lines = new ArrayList<>();

    private LogCapture() {}

    /** The messages that the logger of {@code type} has written, each with the text of its exception, if any. */
    public static List<String> of(Class<?> type, Runnable action) {
        LogCapture capture = new LogCapture();
        Logger logger = Logger.getLogger(type.getName());
        logger.addHandler(capture);
        try {
            action.run();
        } finally {
            logger.removeHandler(capture);
        }
        return List.copyOf(capture.lines);
    }

    @Override
    public void publish(LogRecord line) {
        String message = ((ExtLogRecord) line).getFormattedMessage();
        lines.add(line.getThrown() == null ? message : message + " " + line.getThrown());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
