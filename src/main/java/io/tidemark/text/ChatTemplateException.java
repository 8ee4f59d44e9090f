package io.tidemark.text;

/** Messages could not be rendered: the model has no chat template, or the template refused them. */
public final class ChatTemplateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public ChatTemplateException(String message) {
        super(message);
    }
}
