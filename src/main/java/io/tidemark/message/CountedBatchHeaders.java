package io.tidemark.message;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The headers of a calibration state that a calibrator writes because it has counted a batch. States that are written
 * for another reason have none.
 *
 * @param source    the position of the record of the batch
 * @param uncounted the examples of the batch that add nothing
 */
public record CountedBatchHeaders(Provenance.Source source, UncountedExamples uncounted) {

    private static final String SOURCE_TOPIC = "tidemark.source.topic";
    private static final String SOURCE_PARTITION = "tidemark.source.partition";
    private static final String SOURCE_OFFSET = "tidemark.source.offset";
    private static final String REPEATS = "tidemark.repeats";
    private static final String REPEATED_GROUPS = "tidemark.repeated-groups";
    private static final String REFUSED = "tidemark.refused";
    private static final Set<String> NAMES =
            Set.of(SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, REPEATS, REPEATED_GROUPS, REFUSED);

    /** The headers by name. Values are encoded as UTF-8. */
    public Map<String, String> asMap() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put(SOURCE_TOPIC, source.topic());
        headers.put(SOURCE_PARTITION, Integer.toString(source.partition()));
        headers.put(SOURCE_OFFSET, Long.toString(source.offset()));
        headers.put(REPEATS, Integer.toString(uncounted.repeats()));
        headers.put(REPEATED_GROUPS, Integer.toString(uncounted.repeatedGroups()));
        headers.put(REFUSED, Integer.toString(uncounted.refused()));
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
        if (!headers.keySet().containsAll(NAMES)) {
            return Optional.empty();
        }
        return Optional.of(new CountedBatchHeaders(
                new Provenance.Source(
                        headers.get(SOURCE_TOPIC),
                        Integer.parseInt(headers.get(SOURCE_PARTITION)),
                        Long.parseLong(headers.get(SOURCE_OFFSET))),
                new UncountedExamples(
                        Integer.parseInt(headers.get(REPEATS)),
                        Integer.parseInt(headers.get(REPEATED_GROUPS)),
                        Integer.parseInt(headers.get(REFUSED)))));
    }
}
