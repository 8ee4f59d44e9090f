package io.tidemark.request;

import io.tidemark.message.ErrorBody;
import io.tidemark.message.EventMessage;
import java.util.Optional;

/** Where the events and the answer of one request go. */
public interface ReplyTarget {

    /** Why the answer must not go where the request says. Such a request is answered with this error and not run. */
    Optional<ErrorBody> refusal();

    /**
     * Sends an event. Called on the thread of the engine, or on the one that ends a request which has not started; one
     * at a time. Returns at once; an event that can't be sent is dropped.
     */
    void send(EventMessage event);
}
