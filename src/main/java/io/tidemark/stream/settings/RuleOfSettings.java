package io.tidemark.stream.settings;

import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import io.tidemark.stream.settings.TidemarkSettings.CalibratorSettings;
import java.util.OptionalInt;
import java.util.function.Supplier;

/** The rule for boundaries that {@code tidemark.calibrator.*} describes. */
public final class RuleOfSettings {

    private static final String PREFIX = "tidemark.calibrator.";

    private RuleOfSettings() {}

    /** The objective; {@code tolerance} without a number takes that of the setting {@code tolerance}. */
    public static Objective objective(CalibratorSettings settings) {
        return Objective.parse(
                settings.objective().equals("tolerance") ? "tolerance:" + settings.tolerance() : settings.objective());
    }

    /**
     * The rule with the margin of the objective.
     *
     * @throws IllegalArgumentException whose message begins with the name of the property
     */
    public static RuleSettings of(CalibratorSettings settings) {
        return named(() -> new RuleSettings(
                        settings.alpha(),
                        settings.margin(),
                        settings.lossCap(),
                        settings.gainCap(),
                        settings.minSamples(),
                        settings.minBatches(),
                        settings.batchExamples(),
                        settings.falseAlarmExamples(),
                        settings.epochExamples(),
                        settings.candidates().map(Candidates::parse),
                        keptCandidates(settings.keptCandidates()))
                .forObjective(objective(settings)));
    }

    /**
     * The rule with the margin of the objective, checked for a model.
     *
     * @throws IllegalArgumentException also if a candidate is above the number of layers of the model
     */
    public static RuleSettings of(CalibratorSettings settings, int numLayers) {
        RuleSettings rule = of(settings);
        named(() -> rule.candidates(numLayers));
        return rule;
    }

    private static OptionalInt keptCandidates(String text) {
        if (text.strip().equals("all")) {
            return OptionalInt.empty();
        }
        try {
            return OptionalInt.of(Integer.parseInt(text.strip()));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("kept-candidates must be a number such as 3, or all: '" + text + "'", e);
        }
    }

    /** The messages of the rule name a setting without its prefix. */
    private static <T> T named(Supplier<T> rule) {
        try {
            return rule.get();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(PREFIX + e.getMessage(), e);
        }
    }
}
