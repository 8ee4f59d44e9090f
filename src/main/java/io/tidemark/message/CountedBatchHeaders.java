package io.tidemark.message;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The headers of a calibration state that a calibrator writes because it has counted a batch. States that are written
 * for another reason have none.
 *
 * @param source  the position of the record of the batch
 * @param repeats the number of examples of the batch that add nothing: the epoch had counted them before, or they are
 *                in the batch more than once
 */
public record CountedBatchHeaders(Provenance.Source source, int repeats) {

    private static final String SOURCE_TOPIC = "tidemark.source.topic";
    private static final String SOURCE_PARTITION = "tidemark.source.partition";
    private static final String SOURCE_OFFSET = "tidemark.source.offset";
    private static final String REPEATS = "tidemark.repeats";

    /** @throws IllegalArgumentException if {@code repeats} is negative */
    public CountedBatchHeaders {
        if (repeats < 0) {
            throw new IllegalArgumentException("the header '" + REPEATS + "' must not be negative: " + repeats);
        }
    }

    /** The headers by name. Values are encoded as UTF-8. */
    public Map<String, String> asMap() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put(SOURCE_TOPIC, source.topic());
        headers.put(SOURCE_PARTITION, Integer.toString(source.partition()));
        headers.put(SOURCE_OFFSET, Long.toString(source.offset()));
        headers.put(REPEATS, Integer.toString(repeats));
        return headers;
    }

    /**
     * Reads the headers of a calibration state. Other headers are ignored.
     *
     * @param headers the headers by name; of several headers with one name, the last one
     * @return empty if a header is absent, so that the state tells of no batch
     * @throws IllegalArgumentException if a header is invalid
     */
    public static Optional<CountedBatchHeaders> parse(Map<String, String> headers) {
        String topic = headers.get(SOURCE_TOPIC);
        String partition = headers.get(SOURCE_PARTITION);
        String offset = headers.get(SOURCE_OFFSET);
        String repeats = headers.get(REPEATS);
        return topic == null || partition == null || offset == null || repeats == null
                ? Optional.empty()
                : Optional.of(new CountedBatchHeaders(
                        new Provenance.Source(topic, Integer.parseInt(partition), Long.parseLong(offset)),
                        Integer.parseInt(repeats)));
    }
}
