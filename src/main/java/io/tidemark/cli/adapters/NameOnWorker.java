package io.tidemark.cli.adapters;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What one worker has of the last record of a name, or of a folder of its settings.
 *
 * @param progress whether requests get the record from the worker
 * @param state    in one word, such as {@code ready}, {@code fetching}, {@code behind} or {@code failed}
 * @param reason   why the record has no effect
 * @param listed   what the worker says of the name; empty if it does not list it
 */
record NameOnWorker(Worker worker, Progress progress, String state, Optional<String> reason, Optional<Adapter> listed) {

    /** Whether the record is in effect. */
    enum Progress {
        /** Requests get what the record says. */
        DONE,
        /** The worker has not read the record, does not have the files yet, or does not say what it has. */
        PENDING,
        /** The record has no effect, until something changes. */
        FAILED
    }

    /** @param offset of the record; empty for a folder of the settings */
    static NameOnWorker of(Worker worker, String name, OptionalLong offset) {
        if (worker.state().isEmpty()) {
            return new NameOnWorker(worker, Progress.PENDING, "unknown", Optional.empty(), Optional.empty());
        }
        WorkerStateRecord state = worker.state().get();
        Optional<Adapter> listed = state.adapters().stream()
                .filter(adapter -> adapter.name().equals(name))
                .findFirst();
        if (offset.isPresent() && state.adaptersOffset() <= offset.getAsLong()) {
            return new NameOnWorker(worker, Progress.PENDING, "behind", Optional.empty(), listed);
        }
        if (listed.isEmpty()) {
            return state.omitted() > 0
                    ? new NameOnWorker(worker, Progress.PENDING, "omitted", Optional.empty(), listed)
                    : new NameOnWorker(worker, Progress.FAILED, "absent", Optional.empty(), listed);
        }
        return of(worker, listed.get(), offset);
    }

    private static NameOnWorker of(Worker worker, Adapter listed, OptionalLong offset) {
        Optional<Adapter> present = Optional.of(listed);
        if (listed.reason().isPresent() || listed.state() == State.FAILED) {
            return new NameOnWorker(worker, Progress.FAILED, "failed", listed.reason(), present);
        }
        if (listed.next().isPresent() || listed.state() == State.FETCHING || listed.state() == State.WAITING) {
            String state = listed.state() == State.WAITING ? "waiting" : "fetching";
            return new NameOnWorker(worker, Progress.PENDING, state, Optional.empty(), present);
        }
        if (offset.isPresent() && listed.offset().orElse(Long.MAX_VALUE) > offset.getAsLong()) {
            return new NameOnWorker(
                    worker, Progress.FAILED, "replaced", Optional.of("a_later_record_is_in_force"), present);
        }
        return new NameOnWorker(worker, Progress.DONE, listed.state().written(), Optional.empty(), present);
    }

    /** The same for an adapter that must be in memory. */
    NameOnWorker requireLoaded() {
        boolean waits = progress == Progress.DONE
                && listed.filter(adapter -> adapter.state() == State.READY).isPresent();
        return waits ? new NameOnWorker(worker, Progress.PENDING, "loading", reason, listed) : this;
    }

    /** The state with the reason of a failure, such as {@code failed wrong_digest}. */
    String text() {
        return state + reason.map(why -> " " + why).orElse("");
    }

    /** The text of the worker for people; empty without a failure. */
    Optional<String> message() {
        return progress == Progress.FAILED ? listed.flatMap(Adapter::message) : Optional.empty();
    }

    ObjectNode json() {
        ObjectNode node = JsonNodeFactory.instance
                .objectNode()
                .put("worker", worker.name())
                .put("live", worker.live())
                .put("seen", worker.seen().toString())
                .put("state", state);
        reason.ifPresent(why -> node.put("reason", why));
        message().ifPresent(text -> node.put("message", text));
        listed.ifPresent(adapter -> {
            adapter.digest().ifPresent(digest -> node.put("digest", digest));
            adapter.offset().ifPresent(offset -> node.put("offset", offset));
            adapter.boundary().ifPresent(boundary -> node.put("boundary", boundary));
        });
        return node;
    }
}
