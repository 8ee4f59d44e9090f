package io.tidemark.calibration.rule;

import io.tidemark.message.UncountedExamples;
import java.util.List;

/** What {@link BoundaryRule#count} makes of a batch. */
public sealed interface BatchCount {

    /**
     * Examples must be scored before the batch can be counted.
     *
     * @param places     the places of the examples in the batch, one or more
     * @param boundaries the boundaries to score, ascending; the last one is L
     */
    record Unscored(List<Integer> places, List<Integer> boundaries) implements BatchCount {

        public Unscored {
            places = List.copyOf(places);
            boundaries = List.copyOf(boundaries);
        }
    }

    /**
     * The batch is counted.
     *
     * @param state     the partition's state to write
     * @param inForce   what is in force afterwards
     * @param decisions one for the end of an epoch by the settings, and one for each part; empty if there is neither
     * @param uncounted the examples of the batch that add nothing
     */
    record Counted(EpochState state, InForce inForce, List<RuleDecision> decisions, UncountedExamples uncounted)
            implements BatchCount {

        public Counted {
            decisions = List.copyOf(decisions);
        }
    }
}
