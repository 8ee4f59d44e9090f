package io.tidemark.verification;

import java.util.List;

/** All verdicts of a verification. */
public record Verdicts(List<Verdict> all) {

    public Verdicts {
        all = List.copyOf(all);
    }

    public long compared() {
        return all.stream().filter(Verdict.Compared.class::isInstance).count();
    }

    public long unsupported() {
        return all.stream().filter(Verdict.Unsupported.class::isInstance).count();
    }

    /** How many were compared and did not agree, or could not be compared. */
    public long off() {
        return all.size()
                - unsupported()
                - all.stream()
                        .filter(v ->
                                v instanceof Verdict.Compared c && c.agreement().holds())
                        .count();
    }

    /**
     * Whether something was compared and all of it agreed.
     *
     * @param allowUnsupported whether adapters that were not run may pass
     */
    public boolean pass(boolean allowUnsupported) {
        return compared() > 0 && off() == 0 && (allowUnsupported || unsupported() == 0);
    }
}
