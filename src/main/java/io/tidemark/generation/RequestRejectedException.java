package io.tidemark.generation;

/** The engine can never run this request; nothing was queued. */
public final class RequestRejectedException extends Exception {

    private static final long serialVersionUID = 1L;
    static final String PROMPT = "prompt";

    private final String code;
    private final String param;

    public RequestRejectedException(String code, String param, String message) {
        super(message);
        this.code = code;
        this.param = param;
    }

    /** Machine-readable: {@code context_length_exceeded}, {@code kv_budget_exceeded} or {@code out_of_range}. */
    public String code() {
        return code;
    }

    /** Whether the prompt caused the rejection. Only the caller knows the field that held the prompt. */
    public boolean isAboutPrompt() {
        return param.equals(PROMPT);
    }

    /** The field of the request that caused the rejection. */
    public String param() {
        return param;
    }
}
