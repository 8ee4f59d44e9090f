package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.client.Answer;
import java.util.List;

/**
 * All that happened in a demo; {@code --json} prints it.
 *
 * @param broker what other clients give as {@code bootstrap.servers}
 * @param topics the topics that stand on it
 */
record DemoReport(List<Reply> requests, List<Calibration> calibrations, String broker, List<String> topics) {

    DemoReport {
        requests = List.copyOf(requests);
        calibrations = List.copyOf(calibrations);
        topics = List.copyOf(topics);
    }

    /**
     * One answered request.
     *
     * @param round           1 before the calibration, 2 after it
     * @param tokensPerSecond completion tokens over the time from leaving the queue to the end
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Reply(
            String id,
            String adapter,
            int round,
            int boundary,
            int numLayers,
            String text,
            int completionTokens,
            double tokensPerSecond) {

        static Reply of(int round, Answer answer) {
            return new Reply(
                    answer.id(),
                    answer.adapter(),
                    round,
                    answer.boundary(),
                    answer.numLayers(),
                    answer.text(),
                    answer.completionTokens(),
                    answer.tokensPerSecond());
        }
    }

    /**
     * What became of one adapter's validation batches.
     *
     * @param samples validation examples behind the curve
     * @param curve   mean log-likelihood per gold token in nats at boundaries 0 .. numLayers
     * @param seconds from the first batch sent to the boundary read back
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Calibration(
            String adapter,
            long samples,
            int boundaryBefore,
            int boundaryAfter,
            String objective,
            List<Double> curve,
            int numLayers,
            double seconds) {

        Calibration {
            curve = List.copyOf(curve);
        }

        double logLikelihood(int boundary) {
            return curve.get(boundary);
        }
    }
}
