package io.tidemark.cli.adapters;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.client.ClientException;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.WorkerStateRecord.Base;
import java.io.PrintWriter;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The processes that the topic {@code worker-state} has, those that are gone included, and their base models. */
record KnownWorkers(List<Worker> all) {

    KnownWorkers {
        all = List.copyOf(all);
    }

    /**
     * Reads the topic. If it can't be read, for example without the right, there is no process and a line on stderr.
     *
     * @param consequence what the command does not do then
     */
    static KnownWorkers read(ClusterOptions cluster, PrintWriter err, String consequence) {
        try {
            return new KnownWorkers(cluster.workerStates().read());
        } catch (ClientException e) {
            err.println(consequence + ": " + e.getMessage());
            err.flush();
            return new KnownWorkers(List.of());
        }
    }

    /** Whether a live worker has written its base model. */
    boolean haveBase() {
        return bases().findAny().isPresent();
    }

    /**
     * The digest of the base model, if all live workers have the same.
     *
     * @throws CommandException if they do not, or if there is none
     */
    String baseDigest() {
        List<String> digests = bases().map(Base::digest).distinct().toList();
        if (digests.isEmpty()) {
            throw new CommandException("the base model is not known: topic 'worker-state' has no live worker; start"
                    + " one, or give --model DIR or --base DIGEST");
        }
        if (digests.size() > 1) {
            throw new CommandException(
                    "the live workers have several base models: " + list() + "; give --model DIR or --base DIGEST");
        }
        return digests.get(0);
    }

    /** @throws CommandException if there are live workers, and none of them has this base model */
    void requireServed(String base) {
        if (haveBase() && bases().noneMatch(each -> each.digest().equals(base))) {
            throw new CommandException("the adapter is for the base model " + base + ", which no live worker has: "
                    + list() + "; train it for their model, or check --base and --model");
        }
    }

    /** @throws CommandException if the name is that of the base model of a live worker */
    void requireOtherName(String name) {
        all.stream()
                .filter(worker -> worker.liveBase()
                        .filter(base -> base.model().equals(name))
                        .isPresent())
                .findFirst()
                .ifPresent(worker -> {
                    throw new CommandException("'" + name + "' is the name of the base model of worker '"
                            + worker.name() + "', so no adapter can have it; choose another name");
                });
    }

    private Stream<Base> bases() {
        return all.stream().flatMap(worker -> worker.liveBase().stream());
    }

    private String list() {
        return all.stream()
                .filter(worker -> worker.liveBase().isPresent())
                .map(worker -> worker.name() + " has " + worker.liveBase().get().model() + " ("
                        + worker.liveBase().get().digest() + ")")
                .collect(Collectors.joining(", "));
    }
}
