package io.tidemark.request;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.EventMessage;
import io.tidemark.message.RequestMessage;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Sends the events of a streamed request, and passes on its outcome. Threads as for {@link GenerationListener}. */
final class RequestEvents implements GenerationListener {

    private final ReceivedRequest request;
    private final AdmittedRequest admitted;
    private final BooleanSupplier isAbandoned;
    private final Consumer<Outcome> finished;
    private final long[] sequences;
    private final boolean[] ended;

    /** @param isAbandoned whether another worker will answer the request; no more events are written then */
    RequestEvents(
            ReceivedRequest request,
            AdmittedRequest admitted,
            BooleanSupplier isAbandoned,
            Consumer<Outcome> finished) {
        this.request = request;
        this.admitted = admitted;
        this.isAbandoned = isAbandoned;
        this.finished = finished;
        this.sequences = new long[admitted.message().n()];
        this.ended = new boolean[admitted.message().n()];
    }

    /** Writes the last events of a streamed request that ends before the engine has it. Any thread calls it. */
    static void unstarted(ReceivedRequest request, String id, RequestMessage message, FinishReason reason) {
        for (int choice = 0; message.stream() && choice < message.n(); choice++) {
            request.reply()
                    .send(new EventMessage(id, request.attempt(), choice, 0, "", Optional.of(Answers.label(reason))));
        }
    }

    @Override
    public void onText(int choice, String chunk) {
        write(choice, chunk, Optional.empty());
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        ended[choice] = true;
        write(choice, "", Optional.of(Answers.label(reason)));
    }

    @Override
    public void onFinished(Outcome outcome) {
        try {
            if (outcome instanceof Failure) {
                endChoices();
            }
        } finally {
            finished.accept(outcome);
        }
    }

    /** Writes a last event for every choice without one, so that consumers of the stream notice the end. */
    private void endChoices() {
        for (int choice = 0; choice < ended.length; choice++) {
            if (!ended[choice]) {
                onChoiceFinished(choice, FinishReason.ERROR);
            }
        }
    }

    private void write(int choice, String text, Optional<String> finishReason) {
        if (admitted.message().stream() && !isAbandoned.getAsBoolean()) {
            request.reply()
                    .send(new EventMessage(
                            admitted.id(), request.attempt(), choice, sequences[choice]++, text, finishReason));
        }
    }
}
