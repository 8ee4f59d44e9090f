package io.tidemark.cli.file;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.FailureText;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The requests of a file, one line each, in Tidemark's form or in that of OpenAI's batch files. Blank lines are
 * skipped. Used by one thread.
 */
final class RequestLines {

    /** How many bytes a line may have: more than the largest record of a request topic. */
    private static final int MAX_LINE_BYTES = 5 << 20;

    /** Numbers stay as they are: a double would change some, and has none for 1e999. */
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    /** The field that the body of each of OpenAI's URLs has. */
    private static final Map<String, String> INPUTS =
            Map.of("/v1/completions", "prompt", "/v1/chat/completions", "messages");

    /**
     * A line of the input.
     *
     * @param id     the id that the line has, or else that of its number
     * @param lineId the id of its number
     */
    record Line(String id, String lineId, LineFormat format, Content content) {}

    sealed interface Content {}

    /**
     * A request to send.
     *
     * @param fields the record to send, with the id
     * @param bytes  the length of the line
     */
    record Request(ObjectNode fields, int bytes) implements Content {}

    /** A line that cannot be sent. */
    record Invalid(ErrorBody error) implements Content {}

    /** The last line, if it is not JSON and has no line feed: another program may be writing it. */
    record Unfinished(long number) implements Content {}

    private final ByteLines lines;
    private final LineIds ids;
    private final Consumer<ObjectNode> options;

    /** Whether the last line may become another one: it has no line feed, and is blank or no JSON. */
    private boolean unfinished;

    /** @param options changes the fields of a request before it gets its id */
    RequestLines(InputStream in, LineIds ids, Consumer<ObjectNode> options) {
        this.lines = new ByteLines(in, MAX_LINE_BYTES);
        this.ids = ids;
        this.options = options;
    }

    Optional<Line> next() throws IOException {
        while (lines.next()) {
            if (!lines.isBlank()) {
                Line line = parse(ids.id(lines.number()));
                unfinished = line.content() instanceof Unfinished;
                return Optional.of(line);
            }
            unfinished = !lines.isTerminated();
        }
        return Optional.empty();
    }

    /** How many lines are read, blank ones included, without an unfinished one. */
    long read() {
        return unfinished ? lines.number() - 1 : lines.number();
    }

    /** The SHA-256 of these lines, each with a line feed. */
    String digest() {
        return unfinished ? lines.digestBefore() : lines.digest();
    }

    private Line parse(String lineId) {
        if (lines.isTooLong()) {
            return invalid(
                    lineId,
                    lineId,
                    LineFormat.TIDEMARK,
                    "request_too_large",
                    "has more than " + MAX_LINE_BYTES + " bytes");
        }
        byte[] text = lines.bytes();
        try {
            if (JSON.readTree(text) instanceof ObjectNode object) {
                return object.has("custom_id") || object.has("url") && object.has("body")
                        ? openAi(lineId, object, text.length)
                        : request(lineId, LineFormat.TIDEMARK, object, text.length);
            }
            return invalid(lineId, lineId, LineFormat.TIDEMARK, "invalid_json", "is not a JSON object");
        } catch (JacksonException e) {
            return noJson(lineId, "invalid_json", "is not JSON: " + FailureText.ofJson(e));
        } catch (NumberFormatException e) {
            return invalid(
                    lineId, lineId, LineFormat.TIDEMARK, "invalid_json", "has a number whose exponent is too large");
        } catch (IOException e) {
            return noJson(lineId, "invalid_utf8", "is not UTF-8");
        }
    }

    private Line noJson(String lineId, String code, String problem) {
        return lines.isTerminated()
                ? invalid(lineId, lineId, LineFormat.TIDEMARK, code, problem)
                : new Line(lineId, lineId, LineFormat.TIDEMARK, new Unfinished(lines.number()));
    }

    private Line openAi(String lineId, ObjectNode line, int bytes) {
        LineFormat format = LineFormat.OPENAI;
        JsonNode customId = line.path("custom_id");
        Optional<ErrorBody> unusable = customId.isMissingNode() ? Optional.empty() : errorOfId(customId);
        if (unusable.isPresent()) {
            ErrorBody error = unusable.get();
            return new Line(
                    lineId,
                    lineId,
                    format,
                    new Invalid(ErrorBody.invalidRequest(
                            error.code(), "custom_id", error.message().replace("'id'", "'custom_id'"))));
        }
        String id = customId.isTextual() ? customId.textValue() : lineId;
        String url = line.path("url").asText();
        if (!line.path("method").asText().equals("POST")) {
            return invalid(id, lineId, format, "invalid_value", "must have the method POST");
        }
        if (!INPUTS.containsKey(url)) {
            return invalid(
                    id,
                    lineId,
                    format,
                    "unsupported_url",
                    "must have the url /v1/completions or /v1/chat/completions; no other one is supported");
        }
        if (!(line.path("body") instanceof ObjectNode body) || !body.has(INPUTS.get(url))) {
            return invalid(
                    id, lineId, format, "missing_field", "must have a body with '" + INPUTS.get(url) + "' for " + url);
        }
        return request(lineId, format, body.put("id", id), bytes);
    }

    private Line request(String lineId, LineFormat format, ObjectNode fields, int bytes) {
        options.accept(fields);
        if (!fields.hasNonNull("id")) {
            fields.put("id", lineId);
        }
        Optional<ErrorBody> unusable = errorOfId(fields.get("id"));
        return unusable.isPresent()
                ? new Line(lineId, lineId, format, new Invalid(unusable.get()))
                : new Line(fields.get("id").textValue(), lineId, format, new Request(fields, bytes));
    }

    /** What the service finds wrong with an id. Such a line is not sent, because its result would have another id. */
    private static Optional<ErrorBody> errorOfId(JsonNode id) {
        ObjectNode probe =
                JsonNodeFactory.instance.objectNode().put("model", "m").put("prompt", "p");
        probe.set("id", id);
        byte[] bytes = probe.toString().getBytes(StandardCharsets.UTF_8);
        return RequestMessage.parse(bytes, MAX_LINE_BYTES) instanceof Parsed.Invalid<RequestMessage> invalid
                ? Optional.of(invalid.error())
                : Optional.empty();
    }

    private Line invalid(String id, String lineId, LineFormat format, String code, String problem) {
        return new Line(
                id,
                lineId,
                format,
                new Invalid(new ErrorBody(
                        ErrorBody.INVALID_REQUEST, code, "line " + lines.number() + " " + problem, Optional.empty())));
    }
}
