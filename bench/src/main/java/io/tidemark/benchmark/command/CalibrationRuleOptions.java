package io.tidemark.benchmark.command;

import io.tidemark.calibration.rule.Candidates;
import io.tidemark.calibration.rule.RuleSettings;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The settings {@code tidemark.calibrator.*} of {@code bench calibration}. */
final class CalibrationRuleOptions {

    @Option(
            names = "--alpha",
            paramLabel = "P",
            description = "Probability of ever moving to a harmful boundary. Default: ${DEFAULT-VALUE}.")
    private double alpha = 0.05;

    @Option(
            names = "--margin",
            paramLabel = "NATS",
            description = "A boundary is harmful if it loses more than this per token. Default: ${DEFAULT-VALUE}.")
    private double margin = 0.02;

    @Option(
            names = "--loss-cap",
            paramLabel = "NATS",
            defaultValue = "1",
            description = "Largest loss of an example that counts. Default: ${DEFAULT-VALUE}.")
    private double lossCap;

    @Option(
            names = "--gain-cap",
            paramLabel = "NATS",
            description = "Largest gain of an example that counts. Default: ${DEFAULT-VALUE}.")
    private double gainCap = 0.5;

    @Option(
            names = "--false-alarm-examples",
            paramLabel = "N",
            defaultValue = "10000",
            description = "Least mean number of examples until a false alarm. Default: ${DEFAULT-VALUE}.")
    private double falseAlarmExamples;

    @Option(
            names = "--epoch-examples",
            paramLabel = "N",
            description = "Examples of an epoch, at most 4000. Default: ${DEFAULT-VALUE}.")
    private int epochExamples = 2000;

    @Option(
            names = "--candidates",
            paramLabel = "N|LIST",
            description = "Number of scored boundaries, such as 8, or a list, such as 0,8,13,30. A number above the"
                    + " layers means all. Default: all up to 16 layers, 16 above.")
    private Optional<String> candidates = Optional.empty();

    @Option(
            names = "--kept-candidates",
            paramLabel = "N|all",
            defaultValue = "3",
            description = "Candidates with the highest means that are scored after 32 examples, besides that with the"
                    + " highest ln E. Default: ${DEFAULT-VALUE}.")
    private String keptCandidates;

    /** @throws IllegalArgumentException if a value is out of range */
    RuleSettings settings() {
        RuleSettings defaults = RuleSettings.DEFAULT;
        return new RuleSettings(
                alpha,
                margin,
                lossCap,
                gainCap,
                defaults.minSamples(),
                defaults.minBatches(),
                defaults.batchExamples(),
                falseAlarmExamples,
                epochExamples,
                candidates.map(Candidates::parse),
                keptCandidates.equals("all") ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(keptCandidates)));
    }
}
