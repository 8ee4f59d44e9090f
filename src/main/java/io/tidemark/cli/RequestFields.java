package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import picocli.CommandLine.Option;

/** The options that become fields of a request; a field that a request already has is left alone. */
final class RequestFields {

    /** Fields of data files that are no part of a request. */
    private static final List<String> GOLD = List.of("completion", "references", "answer");

    @Option(
            names = {"--adapter", "--model"},
            paramLabel = "NAME",
            description = "The adapter's id, or the base model's name: the request's field 'model'.")
    private Optional<String> model = Optional.empty();

    @Option(
            names = "--id",
            paramLabel = "ID",
            description = "The id of a single request. Default: one that is made up.")
    private Optional<String> id = Optional.empty();

    @Option(names = "--max-tokens", paramLabel = "N", description = "The most tokens to generate.")
    private Optional<Integer> maxTokens = Optional.empty();

    @Option(names = "--temperature", paramLabel = "T", description = "0 takes the most likely token.")
    private Optional<Double> temperature = Optional.empty();

    @Option(names = "--top-p", paramLabel = "P", description = "Keep the most likely tokens up to this probability.")
    private Optional<Double> topP = Optional.empty();

    @Option(names = "--seed", paramLabel = "N", description = "Makes random choices repeatable.")
    private Optional<Long> seed = Optional.empty();

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            converter = LineBreaks.class,
            description = "Text that ends the answer; may be repeated.")
    private List<String> stop = new ArrayList<>();

    @Option(
            names = "--boundary",
            paramLabel = "LAYERS",
            description = "Use the adapter in this many of the lowest layers, whatever the table says.")
    private Optional<Integer> boundary = Optional.empty();

    static ObjectNode ofPrompt(String prompt) {
        return JsonNodeFactory.instance.objectNode().put("prompt", prompt);
    }

    static ObjectNode ofMessage(String text) {
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        request.putArray("messages").addObject().put("role", "user").put("content", text);
        return request;
    }

    /** @throws CommandFailed when two requests have one id, because their answers could not be told apart */
    List<ObjectNode> complete(List<ObjectNode> requests) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        Set<String> ids = new LinkedHashSet<>();
        for (ObjectNode request : requests) {
            fill(request);
            if (!request.hasNonNull("id")) {
                request.put("id", requests.size() == 1 ? id.orElse("send-" + run) : "send-" + run + "-" + ids.size());
            }
            if (!ids.add(request.path("id").asText())) {
                throw new CommandFailed(
                        "two requests have the id '" + request.path("id").asText() + "'");
            }
        }
        return requests;
    }

    private void fill(ObjectNode request) {
        request.remove(GOLD);
        model.filter(value -> !request.has("model")).ifPresent(value -> request.put("model", value));
        maxTokens.filter(value -> !request.has("max_tokens")).ifPresent(value -> request.put("max_tokens", value));
        temperature.filter(value -> !request.has("temperature")).ifPresent(value -> request.put("temperature", value));
        topP.filter(value -> !request.has("top_p")).ifPresent(value -> request.put("top_p", value));
        seed.filter(value -> !request.has("seed")).ifPresent(value -> request.put("seed", value));
        boundary.filter(value -> !request.has("boundary")).ifPresent(value -> request.put("boundary", value));
        if (!stop.isEmpty() && !request.has("stop")) {
            stop.forEach(text -> request.withArray("stop").add(text));
        }
        if (!request.has("stream")) {
            request.put("stream", true);
        }
    }
}
