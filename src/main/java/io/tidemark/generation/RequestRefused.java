package io.tidemark.generation;

/** The engine can never run this request; nothing was queued. */
public final class RequestRefused extends Exception {

    private static final long serialVersionUID = 1L;
    static final String PROMPT = "prompt";

    private final String code;
    private final String param;

    public RequestRefused(String code, String param, String message) {
        super(message);
        this.code = code;
        this.param = param;
    }

    /** A word for programs: {@code context_length_exceeded}, {@code kv_budget_exceeded} or {@code out_of_range}. */
    public String code() {
        return code;
    }

    /** Whether the prompt is to blame, whatever field it came in. */
    public boolean blamesPrompt() {
        return param.equals(PROMPT);
    }

    /** The request's field that is to blame. */
    public String param() {
        return param;
    }
}
