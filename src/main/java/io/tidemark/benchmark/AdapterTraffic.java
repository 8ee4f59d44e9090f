package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStats;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.Completion;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.RequestRefused;
import io.tidemark.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** Requests for adapters of Zipf popularity, so many open at a time, as a worker has them: adapter first, then the engine. */
final class AdapterTraffic {

    private final LanguageModel model;
    private final GenerationEngine engine;
    private final AdapterStore store;
    private final Semaphore places;

    /**
     * @param seconds   from the first request to the last answer
     * @param tokens    that were generated
     * @param mostBytes that adapters took at any time
     * @param stats     of the store at the end
     */
    record Served(double seconds, long tokens, long mostBytes, AdapterStats stats) {

        double tokensPerSecond() {
            return tokens / seconds;
        }
    }

    /** @param open requests that wait or run at a time */
    AdapterTraffic(LanguageModel model, GenerationEngine engine, AdapterStore store, int open) {
        this.model = model;
        this.engine = engine;
        this.store = store;
        this.places = new Semaphore(open);
    }

    /** @param adapters one id for each request, in their order */
    Served serve(List<String> adapters, int promptTokens, int tokens) {
        List<CompletableFuture<Integer>> answers = new ArrayList<>();
        long most = 0;
        long begun = System.nanoTime();
        for (int i = 0; i < adapters.size(); i++) {
            places.acquireUninterruptibly();
            answers.add(answer("request-" + i, adapters.get(i), prompt(i, promptTokens), tokens)
                    .whenComplete((count, failure) -> places.release()));
            most = Math.max(most, store.stats().residentBytes());
        }
        long generated = answers.stream().mapToLong(CompletableFuture::join).sum();
        return new Served((System.nanoTime() - begun) / 1e9, generated, most, store.stats());
    }

    private CompletableFuture<Integer> answer(String id, String adapter, List<Integer> prompt, int tokens) {
        return store.lease(adapter).thenCompose(lease -> {
            CompletableFuture<Integer> answer =
                    outcome(request(id, lease, prompt, tokens)).thenApply(AdapterTraffic::tokens);
            return answer.whenComplete((count, failure) -> lease.close());
        });
    }

    /** Runs a greedy request that ends after exactly so many tokens, and takes the gaps between them. */
    TokenGaps gaps(String id, AdapterLease lease, List<Integer> prompt, int tokens) {
        TokenGaps gaps = new TokenGaps();
        try {
            engine.submit(request(id, lease, prompt, tokens), gaps);
            return gaps;
        } catch (RequestRefused e) {
            throw new CompletionException(e);
        }
    }

    private CompletableFuture<Outcome> outcome(GenerationRequest request) {
        try {
            return engine.submit(request);
        } catch (RequestRefused e) {
            throw new CompletionException(e);
        }
    }

    private GenerationRequest request(String id, AdapterLease lease, List<Integer> prompt, int tokens) {
        return new GenerationRequest(
                id,
                prompt,
                GenerationParams.greedy(StopConditions.afterExactly(tokens)),
                Optional.of(lease.adapter().weights()),
                Boundary.full(model.config().numLayers()));
    }

    private static int tokens(Outcome outcome) {
        if (outcome instanceof Completion completion) {
            return completion.usage().completionTokens();
        }
        throw new IllegalStateException("a request of the benchmark failed: " + outcome);
    }

    /** Token ids that no other request has, so that no prompt is found in a cache. */
    List<Integer> prompt(int seed, int tokens) {
        RandomGenerator random = new SplittableRandom(seed);
        return IntStream.range(0, tokens)
                .map(i -> random.nextInt(model.config().vocabularySize()))
                .boxed()
                .toList();
    }
}
