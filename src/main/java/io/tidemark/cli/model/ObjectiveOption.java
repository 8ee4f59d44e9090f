package io.tidemark.cli.model;

import io.tidemark.calibration.rule.BoundaryRule;
import io.tidemark.calibration.rule.Objective;
import io.tidemark.calibration.rule.RuleSettings;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --objective} of the commands that print what a calibrator would decide on their examples. */
public final class ObjectiveOption {

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    private Objective objective;

    @Option(
            names = "--objective",
            paramLabel = "OBJECTIVE",
            defaultValue = "balanced",
            description = "Of the calibrator whose decision on these examples is printed: quality, balanced, latency or"
                    + " tolerance:NATS. Its other settings are the defaults. Default: ${DEFAULT-VALUE}.")
    void objective(String text) {
        try {
            objective = Objective.parse(text);
            RuleSettings.DEFAULT.forObjective(objective);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), e.getMessage(), e);
        }
    }

    /** The rule of a calibrator with this objective, for a model. */
    public BoundaryRule rule(int numLayers) {
        return new BoundaryRule(RuleSettings.DEFAULT, objective, numLayers);
    }
}
