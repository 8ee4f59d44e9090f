package io.tidemark.model;

/** Messages could not be rendered: the model has no chat template, or the template refused them. */
public final class ChatTemplateFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    ChatTemplateFailed(String message) {
        super(message);
    }
}
