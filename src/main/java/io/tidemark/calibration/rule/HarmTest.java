package io.tidemark.calibration.rule;

import io.tidemark.message.HarmTestRecord;

/**
 * The hypothesis that a boundary is harmful, and the bets against it. With x_b the score of an example at boundary b
 * and L full LoRA, the capped difference is {@code z_b = min(max(x_b - x_L, -lossCap), gainCap)}. A boundary is harmful
 * if the mean of z_b is at most {@code -margin}. Without the lower cap no test of this hypothesis has a finite-sample
 * guarantee (Bahadur and Savage 1956).
 *
 * @param margin  accepted loss in nats per gold token, 0 or more
 * @param lossCap largest loss of an example that counts, in nats per gold token, above {@code margin}
 * @param gainCap largest gain of an example that counts, in nats per gold token, above 0
 */
public record HarmTest(double margin, double lossCap, double gainCap) {

    /** Number of bets of each e-process. */
    static final int BETS = 5;

    /** Number of bets of the e-detector. */
    static final int DETECTOR_BETS = 3;

    private static final double MAX_CAP = HarmTestRecord.MAX_CAP;
    /** A bet of 1 could lose the whole stake with one example, and could never win it back. */
    private static final double LARGEST_BET = 0.95;

    /** @throws IllegalArgumentException if a value is out of range; the message names the setting */
    public HarmTest {
        if (!(margin >= 0)) {
            throw new IllegalArgumentException("margin must be 0 nats or more: " + margin);
        }
        if (!(lossCap > margin) || lossCap > MAX_CAP) {
            throw new IllegalArgumentException(
                    "loss-cap must be above margin (" + margin + ") and at most " + MAX_CAP + " nats: " + lossCap);
        }
        if (!(gainCap > 0) || gainCap > MAX_CAP) {
            throw new IllegalArgumentException("gain-cap must be above 0 and at most " + MAX_CAP + " nats: " + gainCap);
        }
    }

    /** Reads a test from a part of a Kafka record. */
    public static HarmTest of(HarmTestRecord record) {
        return new HarmTest(record.margin(), record.lossCap(), record.gainCap());
    }

    /** This test as a part of a Kafka record. */
    public HarmTestRecord toRecord() {
        return new HarmTestRecord(margin, lossCap, gainCap);
    }

    /** The capped difference z of a difference to full LoRA. */
    public double capped(double difference) {
        return Math.min(Math.max(difference, -lossCap), gainCap);
    }

    /**
     * The factor of an observation in the e-process of bet j, {@code 1 + lambda_j (z + margin)} with
     * {@code lambda_j = 0.95 / (lossCap - margin) * 2^-j}. Its mean is at most 1 if the boundary is harmful
     * (Waudby-Smith and Ramdas 2024, <i>Estimating means of bounded random variables by betting</i>).
     */
    double factor(int bet, double z) {
        return 1 + LARGEST_BET / (lossCap - margin) / (1 << bet) * (z + margin);
    }

    /**
     * The factor of an observation in the e-detector of bet i, {@code 1 - nu_i (z + margin)} with
     * {@code nu_i = 0.95 / (gainCap + margin) * 4^-i}. Its mean is at most 1 if the boundary is not worse than
     * {@code -margin} (Shin, Ramdas and Rinaldo 2024, <i>E-detectors</i>).
     */
    double detectorFactor(int bet, double z) {
        return 1 - LARGEST_BET / (gainCap + margin) / (1 << 2 * bet) * (z + margin);
    }

    /** Whether a boundary that is not harmful by {@code before} may be harmful by this. */
    boolean isStricterThan(HarmTest before) {
        return margin < before.margin || lossCap > before.lossCap || gainCap < before.gainCap;
    }
}
