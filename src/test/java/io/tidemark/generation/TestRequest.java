package io.tidemark.generation;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Builds a request; by default greedy, 12 tokens, on the base model. */
record TestRequest(
        String id,
        List<Integer> prompt,
        Optional<LoraWeights> lora,
        int boundary,
        StopConditions stopConditions,
        SamplingParams sampling,
        long seed,
        int choices,
        OptionalInt logprobs,
        int priority) {

    static TestRequest of(String id, List<Integer> prompt) {
        return new TestRequest(
                id,
                prompt,
                Optional.empty(),
                0,
                StopConditions.after(12),
                SamplingParams.GREEDY,
                0,
                1,
                OptionalInt.empty(),
                0);
    }

    TestRequest with(LoraWeights adapter, int boundaryLayers) {
        return new TestRequest(
                id,
                prompt,
                Optional.of(adapter),
                boundaryLayers,
                stopConditions,
                sampling,
                seed,
                choices,
                logprobs,
                priority);
    }

    TestRequest tokens(int most) {
        return new TestRequest(
                id, prompt, lora, boundary, StopConditions.after(most), sampling, seed, choices, logprobs, priority);
    }

    TestRequest sampled(double temperature, long withSeed) {
        return new TestRequest(
                id,
                prompt,
                lora,
                boundary,
                stopConditions,
                SamplingParams.at(temperature),
                withSeed,
                choices,
                logprobs,
                priority);
    }

    TestRequest choices(int n) {
        return new TestRequest(id, prompt, lora, boundary, stopConditions, sampling, seed, n, logprobs, priority);
    }

    TestRequest stop(String... texts) {
        return new TestRequest(
                id,
                prompt,
                lora,
                boundary,
                stopConditions.withStop(List.of(texts)),
                sampling,
                seed,
                choices,
                logprobs,
                priority);
    }

    TestRequest logprobs(int top) {
        return new TestRequest(
                id, prompt, lora, boundary, stopConditions, sampling, seed, choices, OptionalInt.of(top), priority);
    }

    TestRequest sampling(SamplingParams how) {
        return new TestRequest(id, prompt, lora, boundary, stopConditions, how, seed, choices, logprobs, priority);
    }

    TestRequest stopAt(StopConditions how) {
        return new TestRequest(id, prompt, lora, boundary, how, sampling, seed, choices, logprobs, priority);
    }

    TestRequest priority(int smallerFirst) {
        return new TestRequest(
                id, prompt, lora, boundary, stopConditions, sampling, seed, choices, logprobs, smallerFirst);
    }

    EngineRequest request() {
        return new EngineRequest(
                id,
                prompt,
                new GenerationParams(stopConditions, sampling, seed, choices, logprobs),
                lora,
                new Boundary(boundary),
                priority);
    }
}
