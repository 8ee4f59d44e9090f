package io.tidemark.verification;

import io.tidemark.model.Kernels;
import java.util.List;
import java.util.Optional;

/**
 * The verdicts of all verified adapters.
 *
 * @param kernels what computed the layers and the head; empty if no model was loaded
 */
public record VerificationReport(List<Verdict> verdicts, Optional<Kernels> kernels) {

    public VerificationReport {
        verdicts = List.copyOf(verdicts);
    }

    public long compared() {
        return verdicts.stream().filter(Verdict.Compared.class::isInstance).count();
    }

    public long unsupported() {
        return verdicts.stream().filter(Verdict.Unsupported.class::isInstance).count();
    }

    /** The number of adapters that do not agree with their reference or could not be compared. */
    public long off() {
        return verdicts.size()
                - unsupported()
                - verdicts.stream()
                        .filter(v -> v instanceof Verdict.Compared c && c.holds())
                        .count();
    }

    /**
     * Returns true if at least one adapter was compared and all compared adapters agree.
     *
     * @param allowUnsupported whether unsupported adapters may pass
     */
    public boolean pass(boolean allowUnsupported) {
        return compared() > 0 && off() == 0 && (allowUnsupported || unsupported() == 0);
    }
}
