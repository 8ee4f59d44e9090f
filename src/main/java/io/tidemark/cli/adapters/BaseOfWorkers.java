package io.tidemark.cli.adapters;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.WorkerStateRecord.Base;
import java.util.List;
import java.util.stream.Collectors;

/** The base model that live workers serve. */
final class BaseOfWorkers {

    private BaseOfWorkers() {}

    /**
     * The digest of the base model, if all live workers have the same.
     *
     * @throws CommandException if they do not, or if there is none
     */
    static String digest(List<Worker> workers) {
        List<String> digests = workers.stream()
                .flatMap(worker -> worker.liveBase().stream())
                .map(Base::digest)
                .distinct()
                .toList();
        if (digests.isEmpty()) {
            throw new CommandException("the base model is not known: topic 'worker-state' has no live worker; start"
                    + " one, or give --model DIR or --base DIGEST");
        }
        if (digests.size() > 1) {
            throw new CommandException("the live workers have several base models: " + list(workers)
                    + "; give --model DIR or --base DIGEST");
        }
        return digests.get(0);
    }

    /** @throws CommandException if there are live workers, and none of them has this base model */
    static void requireServed(String base, List<Worker> workers) {
        List<Base> served =
                workers.stream().flatMap(worker -> worker.liveBase().stream()).toList();
        if (!served.isEmpty() && served.stream().noneMatch(each -> each.digest().equals(base))) {
            throw new CommandException("the adapter is for the base model " + base + ", which no live worker has: "
                    + list(workers) + "; train it for their model, or check --base and --model");
        }
    }

    /** @throws CommandException if the name is that of the base model of a live worker */
    static void requireOtherName(String name, List<Worker> workers) {
        workers.stream()
                .filter(worker -> worker.liveBase()
                        .filter(base -> base.model().equals(name))
                        .isPresent())
                .findFirst()
                .ifPresent(worker -> {
                    throw new CommandException("'" + name + "' is the name of the base model of worker '"
                            + worker.name() + "', so no adapter can have it; choose another name");
                });
    }

    private static String list(List<Worker> workers) {
        return workers.stream()
                .filter(worker -> worker.liveBase().isPresent())
                .map(worker -> worker.name() + " has " + worker.liveBase().get().model() + " ("
                        + worker.liveBase().get().digest() + ")")
                .collect(Collectors.joining(", "));
    }
}
