package io.tidemark.text;

/** Messages cannot be rendered: the model has no chat template, or the template rejected them. */
public final class ChatTemplateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ChatTemplateException(String message) {
        super(message);
    }
}
