package io.tidemark.calibration.rule;

import java.util.List;

/** The scores of one example at some boundaries, in nats per gold token. Immutable. */
public final class BoundaryScores {

    /** An example that was not scored. */
    public static final BoundaryScores NONE = new BoundaryScores(List.of(), new double[0]);

    private final List<Integer> boundaries;
    private final double[] values;

    private BoundaryScores(List<Integer> boundaries, double[] values) {
        this.boundaries = boundaries;
        this.values = values;
    }

    /**
     * @param boundaries ascending
     * @param values     a score for each boundary; may be infinite or not a number
     * @throws IllegalArgumentException if the numbers of boundaries and values differ
     */
    public static BoundaryScores of(List<Integer> boundaries, double[] values) {
        if (values.length != boundaries.size()) {
            throw new IllegalArgumentException(
                    values.length + " scores do not fit " + boundaries.size() + " boundaries");
        }
        return new BoundaryScores(List.copyOf(boundaries), values.clone());
    }

    boolean covers(List<Integer> others) {
        return boundaries.equals(others) || boundaries.containsAll(others);
    }

    /**
     * The scores at some of the boundaries, the last of which is L. A score that is not finite is that of full LoRA
     * minus the largest loss that counts.
     */
    double[] at(List<Integer> others, HarmTest test) {
        double full = values[boundaries.indexOf(others.get(others.size() - 1))];
        double[] selected = new double[others.size()];
        for (int i = 0, from = 0; i < selected.length; i++) {
            while (boundaries.get(from).intValue() != others.get(i)) {
                from++;
            }
            selected[i] = Double.isFinite(values[from]) ? values[from] : full - test.lossCap();
        }
        return selected;
    }

    /** Whether the score at a boundary is a finite number. */
    boolean isFinite(int boundary) {
        return Double.isFinite(values[boundaries.indexOf(boundary)]);
    }
}
