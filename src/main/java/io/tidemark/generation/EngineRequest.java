package io.tidemark.generation;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.List;
import java.util.Optional;

/**
 * A request to continue a prompt. Adapter and boundary are fixed for the life of the request.
 *
 * @param id       identifies the request in cancellations, outcomes and logs
 * @param prompt   token ids, special tokens included; at least one
 * @param params   how to continue the prompt
 * @param lora     weights of the adapter; empty for the base model
 * @param boundary number of lowest layers that apply the adapter; ignored without an adapter
 * @param priority the waiting request with the smallest number starts first, as in vLLM; a running request
 *                 is never preempted
 * @param tenant   the sender; prompt prefixes are shared within a tenant only
 */
public record EngineRequest(
        String id,
        List<Integer> prompt,
        GenerationParams params,
        Optional<LoraWeights> lora,
        Boundary boundary,
        int priority,
        String tenant) {

    public EngineRequest {
        prompt = List.copyOf(prompt);
        if (prompt.isEmpty()) {
            throw new IllegalArgumentException("request '" + id + "' has an empty prompt");
        }
    }

    /** A request of a process with one tenant. */
    public EngineRequest(
            String id,
            List<Integer> prompt,
            GenerationParams params,
            Optional<LoraWeights> lora,
            Boundary boundary,
            int priority) {
        this(id, prompt, params, lora, boundary, priority, "");
    }

    /** A request of priority 0 of the only tenant. */
    public EngineRequest(
            String id, List<Integer> prompt, GenerationParams params, Optional<LoraWeights> lora, Boundary boundary) {
        this(id, prompt, params, lora, boundary, 0);
    }
}
