package io.tidemark.generation;

/**
 * Random numbers that are a function of seed, choice and position only, so that a retried request draws the same ones
 * whatever runs beside it. The mixing is SplitMix64's (Steele et al. 2014, Fast Splittable Pseudorandom Number Generators).
 */
final class UniformNumbers {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private UniformNumbers() {}

    /** A number in [0, 1). */
    static double at(long seed, int choice, int position) {
        long state = mix(mix(seed + GOLDEN_GAMMA) + choice * GOLDEN_GAMMA);
        return (mix(state + (position + 1L) * GOLDEN_GAMMA) >>> 11) * 0x1.0p-53;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
