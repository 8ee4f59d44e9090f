package io.tidemark.cli.console;

import java.io.PrintWriter;
import java.time.Duration;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * The progress of a task on stderr: a progress bar if stderr is a terminal, otherwise nothing or lines of text. Used by
 * one thread; the bar is drawn by a thread of the library.
 */
public final class Progress implements AutoCloseable {

    /** The launcher sets this property if stderr is a terminal; Java has no method for this. */
    public static final String TERMINAL = "io.tidemark.stderr.terminal";

    private static final int WIDTH = 100;

    private final PrintWriter err;
    private final ProgressBar bar;
    private boolean closed;

    private Progress(PrintWriter err, ProgressBar bar) {
        this.err = err;
        this.bar = bar;
    }

    /**
     * Starts at 0.
     *
     * @param unit    what is counted, such as {@code examples}
     * @param maximum the number at the end
     * @param err     stderr
     */
    public static Progress start(String unit, long maximum, PrintWriter err) {
        return start(new ProgressBarBuilder(), unit, maximum, err);
    }

    /**
     * Starts at a number that earlier runs have reached, and shows the rate of this run.
     *
     * @param maximum -1 if it is not known
     */
    public static Progress startAt(String unit, long done, long maximum, PrintWriter err) {
        return start(new ProgressBarBuilder().showSpeed().startsFrom(done, Duration.ZERO), unit, maximum, err);
    }

    private static Progress start(ProgressBarBuilder builder, String unit, long maximum, PrintWriter err) {
        ProgressBarBuilder bar = builder.setTaskName(unit)
                .setInitialMax(maximum)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(100);
        if (isTerminal()) {
            bar.setConsumer(new DelegatingProgressBarConsumer(
                    line -> {
                        err.print("\r" + line);
                        err.flush();
                    },
                    WIDTH));
        } else {
            bar.setConsumer(new DelegatingProgressBarConsumer(line -> {}, WIDTH));
        }
        return new Progress(err, bar.build());
    }

    private static boolean isTerminal() {
        return Boolean.getBoolean(TERMINAL);
    }

    /** Sets the number of finished units. */
    public void stepTo(long done) {
        bar.stepTo(done);
    }

    /** Steps the bar as {@link #stepTo(long)} does, or prints the line if stderr is not a terminal. */
    public void stepTo(long done, String line) {
        bar.stepTo(done);
        if (!isTerminal()) {
            err.println(line);
            err.flush();
        }
    }

    /** Ends the bar's line; a second call has no effect. May be called by any thread. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        bar.close();
        if (isTerminal()) {
            err.println();
            err.flush();
        }
    }
}
