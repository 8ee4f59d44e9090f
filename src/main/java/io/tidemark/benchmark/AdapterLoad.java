package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.EngineLimits;
import io.tidemark.generation.GenerationEngine;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Many adapters and what is asked of them.
 *
 * @param folders  the adapters by id
 * @param budget   bytes for adapters in memory
 * @param requests how many, of {@code tokens} tokens each
 * @param maxNumSeqs rows that run together; twice as many requests wait behind them
 */
public record AdapterLoad(SortedMap<String, Path> folders, long budget, int requests, int tokens, int maxNumSeqs) {

    static final int PROMPT_TOKENS = 32;
    private static final int PREFILL_TOKENS = 256;
    private static final double ZIPF = 1;

    /** The adapter of each request, the same in every run. */
    List<String> adaptersAsked() {
        List<String> ids = List.copyOf(folders.keySet());
        ZipfDistribution popularity = new ZipfDistribution(ids.size(), ZIPF);
        SplittableRandom random = new SplittableRandom(1);
        return IntStream.range(0, requests)
                .mapToObj(i -> ids.get(popularity.next(random)))
                .toList();
    }

    /** All adapters registered, none loaded. */
    AdapterStore store(LanguageModel model, long bytes) {
        AdapterStore store = new AdapterStore(model, bytes);
        folders.forEach(store::register);
        return store;
    }

    /** An engine with room for all rows at four times a request's tokens. */
    GenerationEngine engine(LanguageModel model) {
        long row = (PROMPT_TOKENS + 4L * tokens) * model.decoder().kvBytesPerToken();
        return GenerationEngine.start(model, new EngineLimits(maxNumSeqs, PREFILL_TOKENS, 4 * maxNumSeqs * row));
    }
}
