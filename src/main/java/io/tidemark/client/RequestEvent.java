package io.tidemark.client;

/** What {@link OpenRequest#events} publishes while a request runs. */
public sealed interface RequestEvent {

    /**
     * Text that continues a choice. A subscriber that is slower than the service gets fewer, longer texts.
     *
     * @param choice the index of the choice, from 0
     * @param text   the text, not empty
     */
    record Text(int choice, String text) implements RequestEvent {}

    /**
     * The text that was published so far is void, because another worker runs the request from its beginning. The text
     * of all choices follows again.
     */
    record Restart() implements RequestEvent {}
}
