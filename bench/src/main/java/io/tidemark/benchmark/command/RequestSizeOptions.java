package io.tidemark.benchmark.command;

import picocli.CommandLine.Option;

/** The tokens of the requests of a benchmark, and the limit of prompt tokens in a step. */
final class RequestSizeOptions {

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            description = "Prompt tokens of each request. Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(
            names = "--new-tokens",
            paramLabel = "N",
            description = "Tokens that each request generates. Default: ${DEFAULT-VALUE}.")
    private int newTokens = 64;

    @Option(
            names = "--prefill-tokens-per-step",
            paramLabel = "N",
            description = "Maximum number of prompt tokens in one step. Default: ${DEFAULT-VALUE}.")
    private int prefillTokensPerStep;

    /**
     * @param promptTokens         default of {@code --prompt-tokens}
     * @param prefillTokensPerStep default of {@code --prefill-tokens-per-step}
     */
    RequestSizeOptions(int promptTokens, int prefillTokensPerStep) {
        this.promptTokens = promptTokens;
        this.prefillTokensPerStep = prefillTokensPerStep;
    }

    int promptTokens() {
        return promptTokens;
    }

    int newTokens() {
        return newTokens;
    }

    int prefillTokensPerStep() {
        return prefillTokensPerStep;
    }
}
