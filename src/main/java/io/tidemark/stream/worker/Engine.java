package io.tidemark.stream.worker;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.RequestRefused;

/** What the desk asks of {@link io.tidemark.generation.GenerationEngine}; tests put another behind it. */
public interface Engine {

    void requireRunnable(GenerationRequest request) throws RequestRefused;

    void submit(GenerationRequest request, GenerationListener listener) throws RequestRefused;

    void cancel(String engineId, FinishReason reason);
}
