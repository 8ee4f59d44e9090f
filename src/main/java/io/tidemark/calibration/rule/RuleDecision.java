package io.tidemark.calibration.rule;

import java.util.Locale;
import java.util.Optional;

/**
 * What {@link BoundaryRule} decides after some examples.
 *
 * @param before   the boundary in force before the decision
 * @param inForce  what is in force after it; published if it differs from what was in force
 * @param reason   why
 * @param epochEnd why the epoch ends with this decision; empty if it goes on
 * @param evidence what was known
 */
public record RuleDecision(
        int before, InForce inForce, Reason reason, Optional<EpochEnd> epochEnd, RuleEvidence evidence) {

    /** Why a boundary moves, is withdrawn or stays. */
    public enum Reason {
        /** Move: the objective prefers a certified boundary. */
        PREFERRED(Effect.MOVE),
        /** Withdrawal: the e-detector of the boundary in force has reached its threshold. */
        ALARM(Effect.WITHDRAWAL),
        /** Withdrawal: the settings now ask for more than the boundary was tested for. */
        STRICTER_SETTINGS(Effect.WITHDRAWAL),
        /** Withdrawal: another calibrator ended the epoch in which the boundary was certified, at the same time. */
        OVERTAKEN(Effect.WITHDRAWAL),
        /** An operator has set the boundary. */
        PINNED(Effect.NONE),
        /** The boundary in force is that of a calibrator of another compute type, which decides. */
        OTHER_COMPUTE_TYPE(Effect.NONE),
        /** The objective prefers the boundary in force. */
        CHOSEN(Effect.NONE),
        /** Fewer examples than {@code min-samples}. */
        TOO_FEW_SAMPLES(Effect.NONE),
        /** Fewer batches than {@code min-batches}. */
        TOO_FEW_BATCHES(Effect.NONE),
        /** Fewer than 1.25 times the examples of the epoch's last move. */
        SOON_AFTER_MOVE(Effect.NONE),
        /** A move to more layers whose gain is within two standard errors. */
        GAIN_NOT_CLEAR(Effect.NONE),
        /** The test, the candidates or the boundaries of the epoch differ from the settings. */
        OTHER_SETTINGS(Effect.NONE);

        private enum Effect {
            MOVE,
            WITHDRAWAL,
            NONE
        }

        private final Effect effect;

        Reason(Effect effect) {
            this.effect = effect;
        }

        /** The name in metrics, records and logs. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why an epoch ends. */
    public enum EpochEnd {
        /** The epoch has {@code epoch-examples} examples, or a filter of counted examples is full. */
        FULL,
        /** The e-detector has withdrawn the boundary, see {@link Reason#ALARM}. */
        ALARM,
        /** The settings have another margin, caps or candidates. */
        SETTINGS
    }

    /** Whether the objective has moved the boundary. */
    public boolean isMove() {
        return reason.effect == Reason.Effect.MOVE;
    }

    /** Whether full LoRA replaces the boundary because it may be harmful. */
    public boolean isWithdrawal() {
        return reason.effect == Reason.Effect.WITHDRAWAL;
    }

    /** Whether a boundary record is to be written. */
    public boolean publishes() {
        return isMove() || isWithdrawal();
    }
}
