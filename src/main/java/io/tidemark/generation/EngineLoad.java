package io.tidemark.generation;

/** What an engine has processed, and what its requests still need. All methods may be called from any thread. */
public interface EngineLoad {

    /**
     * Tokens processed since the start, as of the last step: prompt tokens, those from the prefix cache included, and
     * generated tokens.
     */
    long tokensProcessed();

    /** Whether no further sequence fits, or the next request waits for sequences or memory. */
    boolean isSaturated();

    /**
     * An estimate of the tokens that queued and running requests still need: prompt tokens that are not processed, and
     * tokens that each choice will generate.
     *
     * @param completionTokens the usual length of a choice, see {@link GenerationParams#expectedTokens}
     */
    double tokensLeft(double completionTokens);
}
