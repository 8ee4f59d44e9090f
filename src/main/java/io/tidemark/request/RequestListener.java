package io.tidemark.request;

import io.tidemark.boundary.AppliedBoundary;
import java.time.Duration;

/** Observes requests, for metrics. Methods may be called by any thread and return at once. */
public interface RequestListener {

    /** Observes nothing. */
    RequestListener NONE = new RequestListener() {};

    /** A request runs with full LoRA, because no boundary record applies. */
    default void onFullLora(AppliedBoundary.FullLoraReason reason) {}

    /**
     * A format was compiled or refused, or is one that was compiled for another request meanwhile.
     *
     * @param outcome {@code compiled}, or the code of the error
     */
    default void onFormatCompiled(String outcome, Duration time) {}

    /**
     * The answer of a request is committed.
     *
     * @param nanos {@link io.tidemark.time.Time#nanoTime} of the commit
     */
    default void onCommitted(Answer answer, long nanos) {}

    /** A reply topic does not take records: its results become errors on the results topic. */
    default void onTopicSetAside(String topic) {}
}
