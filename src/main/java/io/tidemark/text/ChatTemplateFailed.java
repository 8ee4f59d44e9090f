package io.tidemark.text;

/** Messages could not be rendered: the model has no chat template, or the template refused them. */
public final class ChatTemplateFailed extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public ChatTemplateFailed(String message) {
        super(message);
    }
}
