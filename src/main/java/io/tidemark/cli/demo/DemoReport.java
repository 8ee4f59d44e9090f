package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.client.RequestResult;
import io.tidemark.message.BoundaryDecisionRecord;
import java.util.List;

/**
 * The results of a demo; {@code --json} prints them.
 *
 * @param formats   the results of requests whose answers have a format
 * @param published the adapter that was added at the end
 * @param broker    {@code bootstrap.servers} for other clients
 * @param topics    the topics of the broker
 */
record DemoReport(
        List<Reply> requests,
        List<Reply> formats,
        List<Calibration> calibrations,
        Published published,
        String broker,
        List<String> topics) {

    DemoReport {
        requests = List.copyOf(requests);
        formats = List.copyOf(formats);
        calibrations = List.copyOf(calibrations);
        topics = List.copyOf(topics);
    }

    /**
     * The result of one request.
     *
     * @param round           1 before the calibration, 2 after it, 3 with a format
     * @param seconds         seconds from leaving the queue to the end of the request
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
     * @param samples   number of validation examples that were counted
     * @param seconds   seconds from the sending of the first batch until the decisions were read back
     * @param decisions the records of the topic {@code boundary-decisions}, the newest last; one or more
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Calibration(
            String adapter,
            long samples,
            int boundaryBefore,
            int boundaryAfter,
            String objective,
            int numLayers,
            double seconds,
            List<BoundaryDecisionRecord> decisions) {

        Calibration {
            decisions = List.copyOf(decisions);
        }

        /** What the decisions, of which the newest is the last, say about an adapter that had a boundary. */
        static Calibration of(int boundaryBefore, List<BoundaryDecisionRecord> decisions, double seconds) {
            BoundaryDecisionRecord last = decisions.get(decisions.size() - 1);
            return new Calibration(
                    last.adapter(),
                    last.epoch().examples(),
                    boundaryBefore,
                    last.boundary(),
                    last.objective(),
                    last.version().numLayers(),
                    seconds,
                    decisions);
        }

        BoundaryDecisionRecord last() {
            return decisions.get(decisions.size() - 1);
        }

        /**
         * The mean log-likelihood of the examples per gold token, in nats.
         *
         * @param boundary a boundary of the epoch, which is scored with each example
         */
        double logLikelihood(int boundary) {
            return last().boundaries().stream()
                    .filter(row -> row.boundary() == boundary)
                    .findFirst()
                    .orElseThrow()
                    .mean();
        }
    }

    /**
     * An adapter that a record added while the worker ran, and that a request got.
     *
     * @param source  where the record says that the adapter is stored
     * @param digest  the version, of the record and of the result
     * @param offset  offset of the record on the topic {@code adapters}
     * @param seconds seconds from the writing of the record to the first result
     */
    record Published(String name, String source, String digest, long offset, double seconds) {}
}
