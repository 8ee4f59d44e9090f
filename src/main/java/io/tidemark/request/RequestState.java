package io.tidemark.request;

import io.tidemark.catalog.ChosenAdapter;
import io.tidemark.generation.GenerationParams;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.Optional;

/**
 * Where a request is between its receipt and its answer. Each state holds what is known in it. {@link RequestRun} has
 * the transitions.
 *
 * <p>{@link RequestRunner#abandonAll} sets a flag that counts as the state Abandoned. {@link RequestRunner#crashed}
 * makes an answer without these states.
 */
sealed interface RequestState {

    /** The record was received. */
    record Received() implements RequestState {

        Validated validated(String id, RequestMessage message) {
            return new Validated(id, message);
        }
    }

    /** A state in which the fields of the request are known. */
    sealed interface Known extends RequestState {

        /** Id in the record, or derived from its position. */
        String id();

        RequestMessage message();
    }

    /** The fields are valid. */
    record Validated(String id, RequestMessage message) implements Known {

        /** @param prompt token ids, at least one */
        Prepared prepared(Optional<ChosenAdapter> adapter, List<Integer> prompt, GenerationParams params) {
            return new Prepared(id, message, adapter, prompt, params);
        }
    }

    /**
     * The request can run when its format is compiled and its adapter is in memory.
     *
     * @param adapter what the name in the request stands for; empty for the base model
     * @param prompt  token ids, at least one
     */
    record Prepared(
            String id,
            RequestMessage message,
            Optional<ChosenAdapter> adapter,
            List<Integer> prompt,
            GenerationParams params)
            implements Known {

        Prepared withGrammar(CompiledGrammar grammar) {
            return new Prepared(id, message, adapter, prompt, params.withGrammar(grammar));
        }

        /** Releases the grammar of a request that does not run. Doing so twice is allowed. */
        void release() {
            params.grammar().ifPresent(CompiledGrammar::close);
        }

        InEngine inEngine() {
            return new InEngine(id, message, prompt.size());
        }
    }

    /**
     * The engine has the request: it waits in the queue, or runs.
     *
     * @param promptTokens how many tokens the prompt has, at least one
     */
    record InEngine(String id, RequestMessage message, int promptTokens) implements Known {}

    /** The request has its answer. */
    record Answered() implements RequestState {}

    /** The request gets no answer: another worker will answer it. */
    record Abandoned() implements RequestState {}

    /** Whether the request has left this worker. */
    default boolean hasEnded() {
        return this instanceof Answered || this instanceof Abandoned;
    }
}
