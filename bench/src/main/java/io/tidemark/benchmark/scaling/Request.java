package io.tidemark.benchmark.scaling;

/** A request of the simulation and its progress. */
final class Request {

    final double arrival;
    final int partition;
    final int prompt;
    final int completion;
    /** The limit that the client has set; workers know it, but not the length of the completion. */
    final int maxTokens;

    /** The offset of the record, which is set when the request arrives. */
    int offset;

    /** Time of the first token of the attempt that has ended, or of the current one. */
    double firstToken = Double.NaN;
    /** The worker's tokens per decoding sequence at which the request ends. */
    double endsAt;

    /** Tokens that were processed in attempts that did not end. */
    double lostTokens;

    boolean finished;

    Request(double arrival, int partition, int prompt, int completion, int maxTokens) {
        this.arrival = arrival;
        this.partition = partition;
        this.prompt = prompt;
        this.completion = completion;
        this.maxTokens = maxTokens;
    }

    /** The same request before its arrival. */
    Request unstarted() {
        return new Request(arrival, partition, prompt, completion, maxTokens);
    }

    /** An estimate of the tokens of the completion, as in {@link io.tidemark.generation.GenerationParams}. */
    double expectedTokens(double usual) {
        return Math.min(maxTokens, Math.max(1, usual));
    }

    int tokens() {
        return prompt + completion;
    }

    /** Seconds from the arrival to the first token. */
    double timeToFirstToken() {
        return firstToken - arrival;
    }
}
