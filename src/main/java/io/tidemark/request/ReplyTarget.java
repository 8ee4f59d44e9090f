package io.tidemark.request;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.EventMessage;
import java.util.Optional;

/** Where the events and the answer of one request go. */
public interface ReplyTarget {

    /** Why the answer must not go where the request says. Such a request is answered with this error and not run. */
    Optional<ErrorBody> refusal();

    /**
     * Sends an event. Called by the threads of the engine, in the order of the events. Returns at once; an event that
     * can't be sent is dropped.
     */
    void send(EventMessage event);
}
