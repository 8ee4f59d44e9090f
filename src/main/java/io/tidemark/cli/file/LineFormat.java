package io.tidemark.cli.file;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.client.RequestResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.TopicJson;

/** The format of a line of the input, and of the line with its result. */
public enum LineFormat {

    /** A record of the request topic; the result is the record of the results topic, as the worker wrote it. */
    TIDEMARK {
        @Override
        String answered(String id, RequestResult result) {
            return oneLine(result.json());
        }

        @Override
        String refused(String id, ErrorBody error) {
            ObjectNode line = object().put("id", id).put("object", ErrorResult.ERROR);
            line.set("error", TopicJson.tree(error));
            return line.toString();
        }

        @Override
        String id(JsonNode output) {
            return output.has("object") ? output.path("id").asText("") : "";
        }

        @Override
        boolean isError(JsonNode output) {
            return output.path("object").asText().equals(ErrorResult.ERROR);
        }
    },

    /**
     * A line of a file for OpenAI's batch API. An answer and an error of the service are a {@code response}; a line
     * that was not sent has {@code response} null and an {@code error}.
     */
    OPENAI {
        @Override
        String answered(String id, RequestResult result) {
            String request = result.message().tidemark().source().derivedId();
            int status = 200;
            String body = oneLine(result.json());
            if (result.message() instanceof ErrorResult failed) {
                status = failed.error().type().equals(ErrorBody.INVALID_REQUEST) ? 400 : 500;
                ObjectNode error = object();
                error.set("error", error(failed.error()));
                if (!failed.ignoredFields().isEmpty()) {
                    failed.ignoredFields().forEach(error.putArray("ignored_fields")::add);
                }
                body = error.toString();
            }
            ObjectNode names = object().put("id", REQUEST_PREFIX + request).put("custom_id", id);
            ObjectNode response = object().put("status_code", status).put("request_id", request);
            return open(names) + ",\"response\":" + open(response) + ",\"body\":" + body + "},\"error\":null}";
        }

        @Override
        String refused(String id, ErrorBody error) {
            ObjectNode line = object().put("id", REQUEST_PREFIX + id).put("custom_id", id);
            line.putNull("response");
            line.set("error", error(error));
            return line.toString();
        }

        @Override
        String id(JsonNode output) {
            return output.has("response") ? output.path("custom_id").asText("") : "";
        }

        @Override
        boolean isError(JsonNode output) {
            return output.path("response").path("status_code").asInt() != 200;
        }
    };

    private static final String REQUEST_PREFIX = "batch_req_";

    /** The format of a line of the output. */
    static LineFormat ofOutput(JsonNode output) {
        return output.has("custom_id") ? OPENAI : TIDEMARK;
    }

    /** The line for a result of the service. */
    abstract String answered(String id, RequestResult result);

    /** The line for a request that was not sent. */
    abstract String refused(String id, ErrorBody error);

    /** The id of the input's line in a line of the output; empty if that is no result, such as a request. */
    abstract String id(JsonNode output);

    /** Whether a line of the output is an error. */
    abstract boolean isError(JsonNode output);

    private static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    /** All four fields, as OpenAI writes them. */
    private static ObjectNode error(ErrorBody error) {
        ObjectNode fields = object().put("message", error.message()).put("type", error.type());
        error.param().ifPresentOrElse(param -> fields.put("param", param), () -> fields.putNull("param"));
        return fields.put("code", error.code());
    }

    /** The JSON of an object without the closing brace. */
    private static String open(ObjectNode object) {
        String text = object.toString();
        return text.substring(0, text.length() - 1);
    }

    /** Line breaks in JSON are whitespace: those of texts are escaped. */
    private static String oneLine(String json) {
        return json.replace('\n', ' ').replace('\r', ' ');
    }
}
