package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.client.RequestResult;
import java.util.List;

/**
 * The results of a demo; {@code --json} prints them.
 *
 * @param broker {@code bootstrap.servers} for other clients
 * @param topics the topics of the broker
 */
record DemoReport(List<Reply> requests, List<Calibration> calibrations, String broker, List<String> topics) {

    DemoReport {
        requests = List.copyOf(requests);
        calibrations = List.copyOf(calibrations);
        topics = List.copyOf(topics);
    }

    /**
     * The result of one request.
     *
     * @param round           1 before the calibration, 2 after it
     * @param seconds         from leaving the queue to the end
     * @param tokensPerSecond {@code completionTokens} over {@code seconds}
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
            double seconds,
            double tokensPerSecond) {

        static Reply of(int round, RequestResult result) {
            return new Reply(
                    result.id(),
                    result.adapter(),
                    round,
                    result.boundary(),
                    result.numLayers(),
                    result.text(),
                    result.completionTokens(),
                    result.seconds(),
                    result.tokensPerSecond());
        }
    }

    /**
     * The result of one adapter's calibration.
     *
     * @param samples number of validation examples
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
