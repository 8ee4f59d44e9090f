package io.tidemark.generation;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** A request that says only what matters to a test; greedy, 12 tokens, on the base model unless told otherwise. */
record Ask(
        String id,
        List<Integer> prompt,
        Optional<LoraWeights> lora,
        int boundary,
        StopConditions stopConditions,
        SamplingParams sampling,
        long seed,
        int choices,
        OptionalInt logprobs) {

    static Ask about(String id, List<Integer> prompt) {
        return new Ask(
                id, prompt, Optional.empty(), 0, StopConditions.after(12), SamplingParams.GREEDY, 0, 1, OptionalInt.empty());
    }

    Ask with(LoraWeights adapter, int boundaryLayers) {
        return new Ask(
                id, prompt, Optional.of(adapter), boundaryLayers, stopConditions, sampling, seed, choices, logprobs);
    }

    Ask tokens(int most) {
        return new Ask(id, prompt, lora, boundary, StopConditions.after(most), sampling, seed, choices, logprobs);
    }

    Ask sampled(double temperature, long withSeed) {
        return new Ask(
                id, prompt, lora, boundary, stopConditions, SamplingParams.at(temperature), withSeed, choices, logprobs);
    }

    Ask choices(int n) {
        return new Ask(id, prompt, lora, boundary, stopConditions, sampling, seed, n, logprobs);
    }

    Ask stop(String... texts) {
        return new Ask(
                id, prompt, lora, boundary, stopConditions.withStop(List.of(texts)), sampling, seed, choices, logprobs);
    }

    Ask logprobs(int top) {
        return new Ask(id, prompt, lora, boundary, stopConditions, sampling, seed, choices, OptionalInt.of(top));
    }

    Ask sampling(SamplingParams how) {
        return new Ask(id, prompt, lora, boundary, stopConditions, how, seed, choices, logprobs);
    }

    Ask stopAt(StopConditions how) {
        return new Ask(id, prompt, lora, boundary, how, sampling, seed, choices, logprobs);
    }

    GenerationRequest request() {
        return new GenerationRequest(
                id,
                prompt,
                new GenerationParams(stopConditions, sampling, seed, choices, logprobs),
                lora,
                new Boundary(boundary));
    }
}
