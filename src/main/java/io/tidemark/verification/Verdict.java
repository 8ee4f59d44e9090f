package io.tidemark.verification;

import java.nio.file.Path;

/** The outcome for one adapter. */
public sealed interface Verdict {

    /** The adapter's folder. */
    Path adapter();

    /** One line of text, without the folder. */
    String line();

    /** The adapter ran and was compared with its reference. */
    record Compared(Path adapter, Agreement agreement) implements Verdict {
        @Override
        public String line() {
            return (agreement.holds() ? "ok    " : "OFF   ") + agreement.line();
        }
    }

    /** The engine does not support the model or the adapter; the reason names the field. */
    record Unsupported(Path adapter, String reason) implements Verdict {
        @Override
        public String line() {
            return "skip  " + reason;
        }
    }

    /** The model, the adapter or the reference could not be read. */
    record Broken(Path adapter, String reason) implements Verdict {
        @Override
        public String line() {
            return "BROKEN  " + reason;
        }
    }
}
