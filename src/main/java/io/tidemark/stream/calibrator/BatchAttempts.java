package io.tidemark.stream.calibrator;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * How often the batch at a committed offset has failed: the metadata of that offset, as JSON. A calibrator commits the
 * offset of a batch before it reads the batch, with its own process as {@code running_in}. A process that dies leaves
 * this entry, and the next calibrator counts it as a failure. A calibrator that stops, gives the partition back or
 * fails with an exception removes the entry. One that loses the partition leaves it.
 *
 * @param version   the version of this format, {@value #VERSION}
 * @param failures  unexpected errors and deaths of processes
 * @param runningIn a random name of the process that works on the batch
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record BatchAttempts(
        @JsonProperty(required = true) int version,
        @JsonProperty(required = true) int failures,
        Optional<String> runningIn) {

    /** A batch that has failed this many times becomes a dead letter. */
    static final int MAX_FAILURES = 3;

    private static final int VERSION = 1;

    /** Nothing has failed, and no process works on the batch. */
    static final BatchAttempts NONE = new BatchAttempts(VERSION, 0, Optional.empty());

    /** Parses the metadata of an offset. Metadata that is empty or has another format means that nothing has failed. */
    static BatchAttempts parse(String metadata) {
        try {
            BatchAttempts attempts = TopicJson.read(metadata.getBytes(StandardCharsets.UTF_8), BatchAttempts.class);
            return attempts.version == VERSION ? attempts : NONE;
        } catch (IllegalArgumentException e) {
            return NONE;
        }
    }

    /** These attempts as {@code process} finds them: an attempt that another process has not ended is a failure. */
    BatchAttempts foundBy(String process) {
        boolean died = runningIn.isPresent() && !runningIn.get().equals(process);
        return new BatchAttempts(VERSION, died ? failures + 1 : failures, Optional.empty());
    }

    BatchAttempts startedIn(String process) {
        return new BatchAttempts(VERSION, failures, Optional.of(process));
    }

    BatchAttempts failed() {
        return new BatchAttempts(VERSION, failures + 1, Optional.empty());
    }

    /** Whether the batch becomes a dead letter. */
    boolean isExhausted() {
        return failures >= MAX_FAILURES;
    }

    /** These attempts as the metadata of an offset. */
    String metadata() {
        return new String(TopicJson.write(this), StandardCharsets.UTF_8);
    }
}
