package io.tidemark.request;

import io.tidemark.generation.GenerationParams;
import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.Optional;

/**
 * Where a request is between its receipt and its answer. Each state holds what is known in it.
 *
 * <pre>
 *   Received ── valid ──▶ Parsed ── prompt tokenized ──▶ Prepared ── adapter in memory ──▶ Running
 *      │                    │                               │                                │
 *      │ invalid, failed    │ refused, rejected,            │ adapter unusable, rejected,    │ completed, failed
 *      │                    │ deadline, cancelled           │ deadline, cancelled            │
 *      ▼                    ▼                               ▼                                ▼
 *   Answered ◀──────────────┴───────────────────────────────┴────────────────────────────────┘
 *
 *   each state but Answered ── abandoned ──▶ Abandoned
 * </pre>
 *
 * <p>{@link RequestRunner#abandonAll} sets a flag that counts as the state Abandoned. {@link RequestRunner#crashed}
 * makes an answer without these states.
 *
 * <p>A cancellation or a deadline ends a parsed or prepared request at once, also while its chat template is rendered
 * or its adapter loads. A running request ends in the engine: at once if it waits in the queue, otherwise after its
 * step. The fields of a received request are not known; its cancellation or deadline is found when it is parsed.
 */
sealed interface RequestState {

    /** The record was received. */
    record Received() implements RequestState {

        Parsed parsed(String id, RequestMessage message) {
            return new Parsed(id, message);
        }
    }

    /** A state in which the fields of the request are known. */
    sealed interface Known extends RequestState {

        /** Id in the record, or derived from its position. */
        String id();

        RequestMessage message();
    }

    /** The fields are valid. */
    record Parsed(String id, RequestMessage message) implements Known {

        /** @param prompt token ids, at least one */
        Prepared prepared(Optional<String> adapter, List<Integer> prompt, GenerationParams params) {
            return new Prepared(id, message, adapter, prompt, params);
        }
    }

    /**
     * The request can run when its adapter is in memory.
     *
     * @param adapter id of the adapter; empty for the base model
     * @param prompt  token ids, at least one
     */
    record Prepared(
            String id, RequestMessage message, Optional<String> adapter, List<Integer> prompt, GenerationParams params)
            implements Known {

        Running running() {
            return new Running(id, message, prompt.size());
        }
    }

    /**
     * The engine has the request.
     *
     * @param promptTokens at least one
     */
    record Running(String id, RequestMessage message, int promptTokens) implements Known {}

    /** The request has its answer. */
    record Answered() implements RequestState {}

    /** The request gets no answer: another worker will answer it. */
    record Abandoned() implements RequestState {}

    /** Whether the request has left this worker. */
    default boolean hasEnded() {
        return this instanceof Answered || this instanceof Abandoned;
    }
}
