package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Requests for many adapters. The popularity of adapters is a Zipf distribution.
 *
 * @param folders    the adapters' folders by id
 * @param budget     memory for adapters in bytes
 * @param requests   number of requests
 * @param tokens     tokens that each request generates
 * @param maxNumSeqs maximum number of running sequences; twice as many requests wait in the queue
 */
public record AdapterWorkload(SortedMap<String, Path> folders, long budget, int requests, int tokens, int maxNumSeqs) {

    static final int PROMPT_TOKENS = 32;
    private static final int PREFILL_TOKENS = 256;

    /** The adapter of each request, the same in every run. */
    List<String> requestedAdapters() {
        List<String> ids = List.copyOf(folders.keySet());
        Zipf popularity = new Zipf(ids.size());
        SplittableRandom random = new SplittableRandom(1);
        return IntStream.range(0, requests)
                .mapToObj(i -> ids.get(popularity.next(random)))
                .toList();
    }

    /** A store in which all adapters are registered and none is loaded. */
    AdapterStore store(LanguageModel model, long bytes) {
        AdapterStore store = new AdapterStore(model, bytes);
        folders.forEach(store::register);
        return store;
    }

    /** An engine with KV cache for all sequences at four times the tokens of a request. */
    GenerationEngine engine(LanguageModel model) {
        long rowBytes = (PROMPT_TOKENS + 4L * tokens) * model.decoder().kvBytesPerToken();
        return GenerationEngine.start(model, new EngineLimits(maxNumSeqs, PREFILL_TOKENS, 4 * maxNumSeqs * rowBytes));
    }

    /** A Zipf distribution with exponent 1: the probability of the k-th of n is proportional to {@code 1 / k}. */
    static final class Zipf {

        private final double[] cumulative;

        Zipf(int n) {
            this.cumulative = new double[n];
            double sum = 0;
            for (int k = 0; k < n; k++) {
                sum += 1.0 / (k + 1);
                cumulative[k] = sum;
            }
        }

        /** Returns an index from 0, the most popular, to n-1. */
        int next(RandomGenerator random) {
            int index = Arrays.binarySearch(cumulative, random.nextDouble() * cumulative[cumulative.length - 1]);
            return Math.min(cumulative.length - 1, index < 0 ? -index - 1 : index + 1);
        }
    }
}
