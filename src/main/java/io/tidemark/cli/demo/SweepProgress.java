package io.tidemark.cli.demo;

import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** How many examples are in the statistics: a bar at a terminal, a line now and then elsewhere. Always on stderr. */
interface SweepProgress extends AutoCloseable {

    void reached(int examples);

    @Override
    void close();

    /** The launcher knows whether stderr is a terminal; Java does not. */
    static SweepProgress of(int examples) {
        return Boolean.getBoolean("io.tidemark.stderr.terminal") ? new Bar(examples) : new Lines(System.err, examples);
    }

    /** A bar that is drawn again in its place. */
    final class Bar implements SweepProgress {

        private static final int WIDTH = 100;

        private final ProgressBar bar;

        Bar(int examples) {
            bar = new ProgressBarBuilder()
                    .setTaskName("examples")
                    .setInitialMax(examples)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(100)
                    .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                    .build();
        }

        @Override
        public void reached(int examples) {
            bar.stepTo(examples);
        }

        @Override
        public void close() {
            bar.close();
        }
    }

    /** For logs and pipes. */
    final class Lines implements SweepProgress {

        private final PrintStream err;
        private final int all;

        Lines(PrintStream err, int all) {
            this.err = err;
            this.all = all;
        }

        @Override
        public void reached(int examples) {
            err.println(examples + " of " + all + " examples");
        }

        @Override
        public void close() {}
    }
}
