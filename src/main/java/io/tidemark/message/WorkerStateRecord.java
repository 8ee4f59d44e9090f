package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One value of the topic {@code worker-state} under the name of a worker: what the worker has, written when it changes.
 * Under the name with {@value #HEARTBEAT_SUFFIX} the worker writes a {@link Heartbeat} every ten seconds.
 *
 * @param worker         the name of the process
 * @param role           {@code worker}, {@code calibrator} or {@code all}
 * @param version        the version of Tidemark
 * @param base           the base model
 * @param startedAt      when the process had opened its tables
 * @param adaptersOffset the offset behind the last record of the topic {@code adapters} that is applied
 * @param adapters       the names that requests use, those that failed first, then those whose files are not here, then
 *                       the others, of each kind those with the latest records first; as many as a record of
 *                       {@value #MAX_BYTES} bytes has space for
 * @param omitted        how many names are not listed; none of them has failed or waits for its files, unless all
 *                       listed ones do
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record WorkerStateRecord(
        String worker,
        String role,
        String version,
        Base base,
        Instant startedAt,
        @JsonProperty(required = true) long adaptersOffset,
        List<Adapter> adapters,
        int omitted) {

    /** The maximum size of a value, in bytes. */
    public static final int MAX_BYTES = 64 * 1024;

    /** The end of the key of a heartbeat. */
    public static final String HEARTBEAT_SUFFIX = "/heartbeat";

    public WorkerStateRecord {
        adapters = List.copyOf(adapters);
    }

    /**
     * The base model of a worker.
     *
     * @param model         its name in requests
     * @param digest        the digest of its files, in lower-case hexadecimal
     * @param contextLength the most tokens of a prompt and its answer
     * @param numLayers     its decoder layers
     * @param computeType   the numeric type of the linear modules
     * @param kernels       what computes the layers and the head
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Base(
            String model, String digest, int contextLength, int numLayers, String computeType, String kernels) {}

    /**
     * What a name stands for in the worker.
     *
     * @param digest   of the version that requests get; absent for an alias, a failed name, and a folder of the
     *                 settings that was never loaded
     * @param offset   of the record that requests get; absent for a folder of the settings and a failed name
     * @param next     the digest of a version whose files are fetched to replace this one
     * @param boundary the boundary of the next request; absent if {@code digest} is
     * @param reason   why the last record of the name has no effect, or why its files can't be had
     * @param message  the reason for people
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Adapter(
            String name,
            State state,
            Optional<String> digest,
            OptionalLong offset,
            Optional<String> next,
            OptionalInt boundary,
            Optional<String> reason,
            Optional<String> message) {

        /** The same with the boundary of the next request, in layers. */
        public Adapter withBoundary(int layers) {
            return new Adapter(name, state, digest, offset, next, OptionalInt.of(layers), reason, message);
        }

        /** The same in another state. */
        public Adapter in(State other) {
            return new Adapter(name, other, digest, offset, next, boundary, reason, message);
        }
    }

    /** The states of names. */
    public enum State {
        /** The version is in memory. */
        @JsonProperty("loaded")
        LOADED,
        /** The files of the version are valid and are loaded with the next request. */
        @JsonProperty("ready")
        READY,
        /** The files are fetched. */
        @JsonProperty("fetching")
        FETCHING,
        /** The files are fetched with the first request. */
        @JsonProperty("waiting")
        WAITING,
        /** The name stands for other names. */
        @JsonProperty("alias")
        ALIAS,
        /** The name can't be used. */
        @JsonProperty("failed")
        FAILED;

        /** The form in records. */
        public String written() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A sign of life.
     *
     * @param at      when it was written, by the clock of the worker
     * @param running sequences in the batch of the engine
     * @param waiting requests in the queue of the engine
     */
    public record Heartbeat(Instant at, int running, int waiting) {}
}
