package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * One value of the topic {@code adapters}. The key of the record is the name that requests use. A record has either
 * the fields of an adapter or those of an alias.
 */
public sealed interface AdapterRecord {

    /** The maximum size of a record's value, in bytes. */
    int MAX_BYTES = 16 * 1024;

    /** The maximum length of a name, in characters. */
    int MAX_NAME_LENGTH = Fields.MAX_NAME_LENGTH;

    /** The most targets of an alias. */
    int MAX_TARGETS = 16;

    /** The maximum length of a source, in characters. */
    int MAX_SOURCE_LENGTH = 1024;

    /** The most labels of an adapter. */
    int MAX_LABELS = 32;

    /** The form of a digest. */
    Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");

    /**
     * A version of an adapter and where it is stored.
     *
     * @param source  the URI of the folder, 1 to 1,024 characters
     * @param digest  SHA-256 of the adapter in lower-case hexadecimal: over the config, then the safetensors
     * @param base    the digest of the base model's files in lower-case hexadecimal
     * @param labels  for people and other programs, at most 32; Tidemark does not read them
     * @param options what is special about the adapter
     */
    @JsonInclude(JsonInclude.Include.NON_EMPTY)
    record Stored(String source, String digest, String base, Map<String, String> labels, Options options)
            implements AdapterRecord {

        public Stored {
            // in one order, so that equal records are written as equal bytes
            labels = Collections.unmodifiableMap(new TreeMap<>(labels));
        }

        private static Stored read(Fields fields) throws Fields.InvalidField {
            requireKnown(fields, Set.of("source", "digest", "base", "labels", "options"));
            return new Stored(
                    fields.requireText("source", 1, MAX_SOURCE_LENGTH),
                    requireDigest(fields, "digest"),
                    requireDigest(fields, "base"),
                    labels(fields),
                    Options.read(fields));
        }

        private static Map<String, String> labels(Fields fields) throws Fields.InvalidField {
            Optional<JsonNode> found = fields.find("labels");
            if (found.isEmpty()) {
                return Map.of();
            }
            Fields object = Fields.of(found.get(), fields.name("labels"));
            if (object.object().size() > MAX_LABELS) {
                throw new Fields.InvalidField(
                        "out_of_range", object.path(), "'labels' has more than " + MAX_LABELS + " entries");
            }
            Map<String, String> labels = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> label : object.object().properties()) {
                labels.put(
                        label.getKey(),
                        Fields.text(label.getValue(), object.name(label.getKey()), 0, Fields.MAX_NAME_LENGTH));
            }
            return labels;
        }
    }

    /** @param pinned whether the adapter is loaded at once, and evicted only after all adapters that are not pinned */
    record Options(boolean pinned) {

        /** The options of a record without any. */
        public static final Options NONE = new Options(false);

        private static Options read(Fields fields) throws Fields.InvalidField {
            Optional<JsonNode> found = fields.find("options");
            if (found.isEmpty()) {
                return NONE;
            }
            Fields options = Fields.of(found.get(), fields.name("options"));
            requireKnown(options, Set.of("pinned"));
            return new Options(options.flag("pinned", false));
        }
    }

    /**
     * A name that stands for adapters by weight.
     *
     * @param targets the adapters, 1 to 16, each once; at least one weight is above 0
     * @param sticky  the field of a request that the choice depends on, which is {@code user}; absent for the id. A
     *                request without the field is chosen for by its id
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Alias(List<Target> targets, Optional<String> sticky) implements AdapterRecord {

        /** The value of {@code sticky} that is allowed. */
        public static final String STICKY_USER = "user";

        public Alias {
            targets = List.copyOf(targets);
        }

        private static Alias read(Fields fields) throws Fields.InvalidField {
            requireKnown(fields, Set.of("targets", "sticky"));
            String name = fields.name("targets");
            List<Target> targets = Fields.list(fields.require("targets"), name, Target::read);
            if (targets.isEmpty() || targets.size() > MAX_TARGETS) {
                throw new Fields.InvalidField(
                        "out_of_range", name, "'" + name + "' must have 1 to " + MAX_TARGETS + " entries");
            }
            if (targets.stream().map(Target::adapter).distinct().count() < targets.size()) {
                throw new Fields.InvalidField("invalid_value", name, "'" + name + "' names an adapter twice");
            }
            if (targets.stream().allMatch(target -> target.weight == 0)) {
                throw new Fields.InvalidField("invalid_value", name, "'" + name + "' has no weight above 0");
            }
            Optional<String> sticky = fields.text("sticky", 1, Fields.MAX_NAME_LENGTH);
            if (sticky.filter(field -> !field.equals(STICKY_USER)).isPresent()) {
                throw new Fields.InvalidField(
                        "invalid_value", fields.name("sticky"), "'sticky' must be '" + STICKY_USER + "' or absent");
            }
            return new Alias(targets, sticky);
        }
    }

    /**
     * One adapter of an alias.
     *
     * @param adapter the name of an adapter, never of an alias
     * @param weight  0 or more; the share of the target is its weight divided by the sum of all
     */
    record Target(String adapter, double weight) {

        private static Target read(Fields fields) throws Fields.InvalidField {
            requireKnown(fields, Set.of("adapter", "weight"));
            fields.require("weight");
            return new Target(
                    fields.requireText("adapter", 1, Fields.MAX_NAME_LENGTH),
                    fields.number("weight", Fields.Range.NOT_NEGATIVE, 0));
        }
    }

    /**
     * Parses a value of the topic. Unknown fields are refused: an ignored one could change what is served. Errors have
     * the type {@link ErrorBody#INVALID_REQUEST}.
     *
     * @param value the value of the Kafka record, no tombstone
     */
    static Parsed<AdapterRecord> parse(byte[] value) {
        return TopicJson.parse(value, MAX_BYTES, AdapterRecord::read);
    }

    private static AdapterRecord read(Fields fields) throws Fields.InvalidField {
        boolean stored = fields.find("source").isPresent();
        boolean alias = fields.find("targets").isPresent();
        if (stored == alias) {
            throw new Fields.InvalidField(
                    stored ? "conflicting_fields" : "missing_field",
                    "source",
                    "a record has either 'source', for an adapter, or 'targets', for an alias");
        }
        return stored ? Stored.read(fields) : Alias.read(fields);
    }

    private static String requireDigest(Fields fields, String field) throws Fields.InvalidField {
        String digest = fields.requireText(field, 1, Fields.MAX_NAME_LENGTH);
        if (!DIGEST.matcher(digest).matches()) {
            throw new Fields.InvalidField(
                    "invalid_value",
                    fields.name(field),
                    "'" + fields.name(field) + "' must be a SHA-256 of 64 lower-case hexadecimal digits");
        }
        return digest;
    }

    private static void requireKnown(Fields fields, Set<String> known) throws Fields.InvalidField {
        ObjectNode object = fields.object();
        Set<String> others = new HashSet<>();
        object.properties().stream()
                .filter(field -> !field.getValue().isNull())
                .map(Map.Entry::getKey)
                .forEach(others::add);
        others.removeAll(known);
        if (!others.isEmpty()) {
            String other = others.stream().sorted().findFirst().orElseThrow();
            throw new Fields.InvalidField(
                    "unknown_field",
                    fields.name(other),
                    "unknown field '" + fields.name(other) + "'; the fields are "
                            + String.join(", ", known.stream().sorted().toList()));
        }
    }
}
