package io.tidemark.calibration.curve;

/** Quantiles of Student's t distribution for 95% confidence intervals. */
public final class StudentT {

    private static final double NORMAL = 1.959963984540054;

    private StudentT() {}

    /**
     * The 0.975 quantile, with an error below 0.002. From five degrees of freedom on, it is the expansion of Abramowitz
     * and Stegun 26.7.5 with four terms.
     *
     * @param degrees degrees of freedom; values below 1 count as 1
     */
    public static double upper975(long degrees) {
        if (degrees <= 4) {
            return degrees <= 1 ? 12.7062 : degrees == 2 ? 4.3027 : degrees == 3 ? 3.1824 : 2.7764;
        }
        double z = NORMAL;
        double z3 = z * z * z;
        double z5 = z3 * z * z;
        double z7 = z5 * z * z;
        double z9 = z7 * z * z;
        double v = degrees;
        return z
                + (z3 + z) / (4 * v)
                + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v)
                + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v)
                + (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * v * v * v * v);
    }
}
