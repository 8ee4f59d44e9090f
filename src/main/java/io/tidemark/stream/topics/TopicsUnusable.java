package io.tidemark.stream.topics;

/** The cluster's topics are not what the work needs; the message names the topic, what was found and what is wanted. */
public final class TopicsUnusable extends RuntimeException {

    private static final long serialVersionUID = 1L;

    TopicsUnusable(String message) {
        super(message);
    }

    TopicsUnusable(String message, Throwable cause) {
        super(message, cause);
    }
}
