package io.tidemark.generation;

import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.model.ModelConfig;
import java.util.Collection;
import java.util.List;

/** What a request must keep to for the engine ever to run it. */
final class RequestBounds {

    private final ModelConfig config;
    private final EngineLimits limits;
    private final KvPool pool;

    RequestBounds(ModelConfig config, EngineLimits limits, KvPool pool) {
        this.config = config;
        this.limits = limits;
        this.pool = pool;
    }

    void require(List<Integer> promptTokens, GenerationParams params) throws RequestRefused {
        int prompt = promptTokens.size();
        long length = (long) prompt + params.maxTokens();
        int context = config.contextLength();
        if (length > context) {
            throw new RequestRefused(
                    "context_length_exceeded",
                    prompt >= context ? RequestRefused.PROMPT : "max_tokens",
                    "the prompt has " + prompt + " tokens and max_tokens is " + params.maxTokens()
                            + ", together more than the model's context of " + context);
        }
        requireTokens("logit_bias", params.sampling().logitBias().keySet());
        requireTokens("stop_token_ids", params.stopConditions().stopTokens());
        if (params.choices() > limits.maxNumSeqs()) {
            throw new RequestRefused(
                    "out_of_range",
                    "n",
                    "n is " + params.choices() + ", and the worker has " + limits.maxNumSeqs() + " slots");
        }
        if (!pool.canEverHold((int) length, params.choices())) {
            throw new RequestRefused(
                    "kv_budget_exceeded",
                    "max_tokens",
                    params.choices() + " sequences of " + length
                            + " tokens never fit the worker's memory for keys and values of " + limits.kvBytes()
                            + " bytes");
        }
    }

    private void requireTokens(String param, Collection<Integer> tokens) throws RequestRefused {
        for (int token : tokens) {
            if (token < 0 || token >= config.vocabularySize()) {
                throw new RequestRefused(
                        "out_of_range",
                        param,
                        "'" + param + "' names token " + token + ", and the model's vocabulary has "
                                + config.vocabularySize());
            }
        }
    }
}
