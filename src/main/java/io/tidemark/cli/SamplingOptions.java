package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.StopConditions;
import io.tidemark.message.EndingFields;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Stop conditions and sampling of a request. The defaults are those of the records on the request topic. */
final class SamplingOptions {

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Maximum number of tokens to generate. Default: " + EndingFields.DEFAULT_MAX_TOKENS + ".")
    private Optional<Integer> maxTokens = Optional.empty();

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "Sampling temperature; 0: the most likely token. Default: 1.")
    private Optional<Double> temperature = Optional.empty();

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "Sample from the most likely tokens up to this total probability. Default: 1.")
    private Optional<Double> topP = Optional.empty();

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of the random numbers. Default: derived from the request's id.")
    private Optional<Long> seed = Optional.empty();

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            converter = PromptOptions.LineBreaks.class,
            description = "A stop string; may be repeated.")
    private List<String> stop = new ArrayList<>();

    /** The parameters of a request with a fixed id, so that the default of the seed is fixed. */
    GenerationParams params() {
        if (maxTokens.filter(tokens -> tokens < 1).isPresent()) {
            throw new IllegalArgumentException("--max-tokens must be 1 or more");
        }
        return new GenerationParams(
                StopConditions.after(maxTokens.orElse(EndingFields.DEFAULT_MAX_TOKENS))
                        .withStop(stop),
                SamplingParams.at(temperature.orElse(1.0)).withTopP(topP.orElse(1.0)),
                seed.orElse(0L),
                1,
                OptionalInt.empty());
    }

    /** Sets the given options in a request; fields that the request has are not changed. */
    void fill(ObjectNode request) {
        maxTokens.filter(value -> !request.has("max_tokens")).ifPresent(value -> request.put("max_tokens", value));
        temperature.filter(value -> !request.has("temperature")).ifPresent(value -> request.put("temperature", value));
        topP.filter(value -> !request.has("top_p")).ifPresent(value -> request.put("top_p", value));
        seed.filter(value -> !request.has("seed")).ifPresent(value -> request.put("seed", value));
        if (!stop.isEmpty() && !request.has("stop")) {
            stop.forEach(text -> request.withArray("stop").add(text));
        }
    }
}
