package io.tidemark.text;

/** Messages cannot be rendered: the model has no chat template, the template rejected them, or it took too long. */
public final class ChatTemplateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final boolean interrupted;

    ChatTemplateException(String message) {
        this(message, false);
    }

    private ChatTemplateException(String message, boolean interrupted) {
        super(message);
        this.interrupted = interrupted;
    }

    static ChatTemplateException interruption() {
        return new ChatTemplateException("the rendering was interrupted", true);
    }

    /** Whether the rendering was interrupted. */
    public boolean isInterrupted() {
        return interrupted;
    }
}
