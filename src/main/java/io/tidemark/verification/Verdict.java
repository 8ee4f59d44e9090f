package io.tidemark.verification;

import io.tidemark.model.ComputeType;
import java.nio.file.Path;

/** The outcome for one adapter. */
public sealed interface Verdict {

    /** The adapter's folder. */
    Path adapter();

    /** Text for people, without the folder; the first line has the verdict. */
    String line();

    /**
     * The adapter ran and was compared with its reference.
     *
     * @param type what the engine computed with
     */
    record Compared(Path adapter, ComputeType type, Agreement agreement) implements Verdict {

        /**
         * Whether the comparison does not fail. The tolerances are for {@code fp32}: the rounding of another type
         * exceeds them, by how much depends on the model. With such a type only tokens and chat have to agree, and
         * likelihoods have to be finite.
         */
        public boolean holds() {
            return type == ComputeType.FP32
                    ? agreement.holds()
                    : agreement.tokenizer().all() && Double.isFinite(agreement.logLikelihood());
        }

        @Override
        public String line() {
            String passed = type == ComputeType.FP32 ? "ok" : type.label();
            return String.format("%-6s%s", holds() ? passed : "OFF", agreement.line());
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
