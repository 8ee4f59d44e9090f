package io.tidemark.stream.worker;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.EventMessage;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Writes the events of a streamed request, and passes on its outcome. Used by one thread of the engine. */
final class RequestEvents implements GenerationListener {

    private final IncomingRequest incoming;
    private final AdmittedRequest admitted;
    private final EventWriter writer;
    private final BooleanSupplier isAbandoned;
    private final Consumer<Outcome> finished;
    private final long[] sequences;
    private final boolean[] ended;

    /** @param isAbandoned whether another worker will answer the request; no more events are written then */
    RequestEvents(
            IncomingRequest incoming,
            AdmittedRequest admitted,
            EventWriter writer,
            BooleanSupplier isAbandoned,
            Consumer<Outcome> finished) {
        this.incoming = incoming;
        this.admitted = admitted;
        this.writer = writer;
        this.isAbandoned = isAbandoned;
        this.finished = finished;
        this.sequences = new long[admitted.message().n()];
        this.ended = new boolean[admitted.message().n()];
    }

    @Override
    public void onText(int choice, String chunk) {
        write(choice, chunk, Optional.empty());
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        ended[choice] = true;
        write(choice, "", Optional.of(Results.label(reason)));
    }

    @Override
    public void onFinished(Outcome outcome) {
        if (outcome instanceof Failure) {
            // every choice has a last event, so that consumers of the stream notice the end
            for (int choice = 0; choice < ended.length; choice++) {
                if (!ended[choice]) {
                    onChoiceFinished(choice, FinishReason.ERROR);
                }
            }
        }
        finished.accept(outcome);
    }

    private void write(int choice, String text, Optional<String> finishReason) {
        if (admitted.message().stream() && !isAbandoned.getAsBoolean()) {
            writer.write(
                    incoming,
                    new EventMessage(
                            admitted.id(), incoming.attempt(), choice, sequences[choice]++, text, finishReason));
        }
    }
}
