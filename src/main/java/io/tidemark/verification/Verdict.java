package io.tidemark.verification;

import java.nio.file.Path;

/** What verification found out about one adapter. */
public sealed interface Verdict {

    /** The adapter's folder. */
    Path adapter();

    /** One line for people, without the folder. */
    String line();

    /** The adapter was run and compared. */
    record Compared(Path adapter, Agreement agreement) implements Verdict {
        @Override
        public String line() {
            return (agreement.holds() ? "ok    " : "OFF   ") + agreement.line();
        }
    }

    /** The engine does not do what model or adapter ask for; the reason names the field. */
    record Unsupported(Path adapter, String reason) implements Verdict {
        @Override
        public String line() {
            return "skip  " + reason;
        }
    }

    /** Model, adapter or reference could not be read. */
    record Broken(Path adapter, String reason) implements Verdict {
        @Override
        public String line() {
            return "BROKEN  " + reason;
        }
    }
}
