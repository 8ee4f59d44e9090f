package io.tidemark.cli.client;

/**
 * The topics a client reads and writes, under the prefix that the workers were started with.
 *
 * @param prefix put before every name; empty by default
 */
public record Topics(String prefix) {

    public String requests() {
        return prefix + "generation-requests";
    }

    public String events() {
        return prefix + "generation-events";
    }

    public String results() {
        return prefix + "generation-results";
    }

    public String validationBatches() {
        return prefix + "validation-batches";
    }

    public String validationDeadLetters() {
        return prefix + "validation-dead-letters";
    }

    public String boundaries() {
        return prefix + "adapter-boundaries";
    }
}
