package io.tidemark.cli.model;

import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code --objective} of the commands that print what a calibrator would decide on their examples. */
public final class ObjectiveOption {

    @Option(
            names = "--objective",
            paramLabel = "OBJECTIVE",
            defaultValue = "balanced",
            converter = Converter.class,
            description = "Of the calibrator whose decision on these examples is printed: quality, balanced, latency or"
                    + " tolerance:NATS. Its other settings are the defaults. Default: ${DEFAULT-VALUE}.")
    private Objective objective;

    /** Parses an objective that fits the default settings. */
    private static final class Converter implements ITypeConverter<Objective> {

        @Override
        public Objective convert(String text) {
            try {
                Objective parsed = Objective.parse(text);
                RuleSettings.DEFAULT.forObjective(parsed);
                return parsed;
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    /** The rule of a calibrator with this objective, for a model. */
    public BoundaryRule rule(int numLayers) {
        return new BoundaryRule(RuleSettings.DEFAULT, objective, numLayers);
    }
}
