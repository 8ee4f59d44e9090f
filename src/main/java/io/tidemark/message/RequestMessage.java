package io.tidemark.message;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * One value of the topic {@code generation-requests}. {@link #parse} applies the defaults and checks the ranges below;
 * {@link TopicJson} writes it.
 *
 * @param head     id, priority and end
 * @param model    the id of an adapter, or the name of the base model
 * @param input    {@code prompt}, or {@code messages} and optionally {@code tools}
 * @param sampling the sampling parameters
 * @param ending   the stop conditions
 * @param answer   the format of the answer; default free text
 * @param n        the number of choices, 1 to 16; default 1
 * @param logprobs the number of alternatives reported for each token, 0 to 20; absent for no log-probabilities
 * @param user     a label of the sender, at most 256 characters; Tidemark does not read it
 * @param stream   whether the worker sends events while it generates; default false
 * @param boundary overrides the boundary table for this request, 0 or more; the worker checks the upper end
 * @param ignoredFields the fields of the record that have no effect, as paths; the first {@value
 *                      KnownFields#MAX_NAMES}, each cut to {@value KnownFields#MAX_NAME_LENGTH} characters
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RequestMessage(
        @JsonUnwrapped RequestHead head,
        String model,
        @JsonUnwrapped Input input,
        @JsonUnwrapped SamplingFields sampling,
        @JsonUnwrapped EndingFields ending,
        @JsonUnwrapped FormatFields answer,
        int n,
        OptionalInt logprobs,
        Optional<String> user,
        boolean stream,
        OptionalInt boundary,
        @JsonIgnore List<String> ignoredFields) {

    /** The header that names a request of the Java client by 16 random bytes. Its events and its result repeat it. */
    public static final String CORRELATION_HEADER = "tidemark-correlation";

    static final int MAX_CHOICES = 16;

    static final int MAX_ALTERNATIVES = 20;

    /** The most log-probabilities of a request, alternatives included. More do not fit into a result of 5 MiB. */
    public static final int MAX_LOGPROBS = 65_536;

    /**
     * Fields that would change the text and that the service refuses, with the values that have no effect: those of
     * OpenAI's API, and vLLM's earlier names of {@code structured_outputs}. If another value were ignored, the client
     * would get other text than it asked for.
     */
    static final Map<String, Predicate<JsonNode>> UNSUPPORTED = Map.ofEntries(
            Map.entry("best_of", value -> value.isNumber() && value.doubleValue() == 1),
            Map.entry("echo", value -> value.isBoolean() && !value.booleanValue()),
            Map.entry("suffix", value -> value.isTextual() && value.textValue().isEmpty()),
            Map.entry("tool_choice", value -> value.asText().equals("auto")),
            Map.entry("functions", value -> value.isContainerNode() && value.isEmpty()),
            Map.entry("function_call", value -> value.asText().equals("auto")),
            Map.entry(
                    "modalities",
                    value -> value.size() == 1 && value.path(0).asText().equals("text")),
            Map.entry("audio", value -> false),
            Map.entry("reasoning_effort", value -> false),
            Map.entry("verbosity", value -> false),
            Map.entry("web_search_options", value -> false),
            Map.entry("guided_json", value -> false),
            Map.entry("guided_regex", value -> false),
            Map.entry("guided_choice", value -> false),
            Map.entry("guided_grammar", value -> false));

    public RequestMessage {
        ignoredFields = List.copyOf(ignoredFields);
    }

    /** Parses as {@link #parse(byte[], int, UnknownField.Rule)} does, and ignores unknown fields. */
    public static Parsed<RequestMessage> parse(byte[] value, int maxBytes) {
        return parse(value, maxBytes, UnknownField.Rule.IGNORE);
    }

    /**
     * Parses a value of the topic. Errors have the type {@link ErrorBody#INVALID_REQUEST} and one of the codes
     * {@code empty_value}, {@code request_too_large}, {@code invalid_utf8}, {@code invalid_json},
     * {@code missing_field}, {@code conflicting_fields}, {@code unsupported_field}, {@code invalid_type},
     * {@code invalid_value} and {@code out_of_range}, or are those of the rule.
     *
     * @param value    the value of the Kafka record, which may be null
     * @param maxBytes larger values are rejected without parsing, {@code tidemark.limits.request-bytes}
     * @param rule     applies to the first unknown field, before the known fields are checked
     */
    public static Parsed<RequestMessage> parse(byte[] value, int maxBytes, UnknownField.Rule rule) {
        List<String> ignored = List.of();
        try {
            ObjectNode document = TopicJson.requestDocument(value, maxBytes);
            List<UnknownField> unknown = KnownFields.REQUEST.others(document);
            ignored = unknown.stream().map(UnknownField::path).toList();
            Optional<ErrorBody> refusal = unknown.stream().findFirst().flatMap(rule::refusal);
            return refusal.isPresent()
                    ? new Parsed.Invalid<>(refusal.get(), ignored)
                    : new Parsed.Valid<>(read(new Fields(document, ""), ignored));
        } catch (Fields.InvalidField invalid) {
            return new Parsed.Invalid<>(invalid.asError(), ignored);
        }
    }

    /** The error of a value above the limit, of which only a part was read. */
    public static Parsed<RequestMessage> tooLarge(long bytes, int maxBytes) {
        return new Parsed.Invalid<>(TopicJson.tooLarge(bytes, maxBytes).asError());
    }

    private static RequestMessage read(Fields fields, List<String> ignored) throws Fields.InvalidField {
        rejectUnsupported(fields);
        RequestMessage message = readAll(fields, ignored);
        if (message.maxLogprobs() > MAX_LOGPROBS) {
            throw new Fields.InvalidField(
                    "out_of_range",
                    fields.name("logprobs"),
                    "'" + fields.name("logprobs") + "' asks for up to " + message.maxLogprobs()
                            + " log-probabilities (n * max_tokens * (alternatives + 1)); the limit is " + MAX_LOGPROBS);
        }
        return message;
    }

    /** The most log-probabilities of the result, alternatives included; 0 without {@code logprobs}. */
    public long maxLogprobs() {
        return logprobs.isEmpty() ? 0 : (logprobs.getAsInt() + 1L) * n * ending.maxTokens();
    }

    private static RequestMessage readAll(Fields fields, List<String> ignored) throws Fields.InvalidField {
        return new RequestMessage(
                RequestHead.read(fields),
                fields.requireText("model", 1, Fields.MAX_NAME_LENGTH),
                Input.read(fields),
                SamplingFields.read(fields),
                EndingFields.read(fields),
                FormatFields.read(fields),
                (int) fields.integer("n", 1, MAX_CHOICES, 1),
                logprobs(fields),
                fields.text("user", 0, Fields.MAX_NAME_LENGTH),
                fields.flag("stream", false),
                fields.smallInteger("boundary", 0, Integer.MAX_VALUE),
                ignored);
    }

    private static void rejectUnsupported(Fields fields) throws Fields.InvalidField {
        for (Map.Entry<String, Predicate<JsonNode>> entry : UNSUPPORTED.entrySet()) {
            String field = entry.getKey();
            if (fields.find(field).filter(entry.getValue().negate()).isPresent()) {
                throw new Fields.InvalidField(
                        "unsupported_field",
                        fields.name(field),
                        "'" + fields.name(field) + "' is not supported and would change the text; leave it out");
            }
        }
    }

    /**
     * OpenAI's completions API has the number of alternatives in {@code logprobs}; its chat API has
     * {@code "logprobs": true} and the number in {@code top_logprobs}. Both are supported.
     */
    private static OptionalInt logprobs(Fields fields) throws Fields.InvalidField {
        Optional<JsonNode> logprobs = fields.find("logprobs");
        OptionalLong alternatives = fields.integer("top_logprobs", 0, MAX_ALTERNATIVES);
        if (logprobs.isPresent() && !logprobs.get().isBoolean() && alternatives.isEmpty()) {
            return OptionalInt.of((int) fields.integer("logprobs", 0, MAX_ALTERNATIVES, 0));
        }
        boolean requested = fields.flag("logprobs", false);
        if (alternatives.isPresent() && !requested) {
            throw new Fields.InvalidField(
                    "conflicting_fields", fields.name("top_logprobs"), "'top_logprobs' requires 'logprobs' to be true");
        }
        return requested ? OptionalInt.of((int) alternatives.orElse(0)) : OptionalInt.empty();
    }
}
