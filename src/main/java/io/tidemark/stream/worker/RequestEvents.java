package io.tidemark.stream.worker;

import io.tidemark.generation.FinishReason;
import io.tidemark.generation.GenerationListener;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.EventMessage;
import java.util.Optional;
import java.util.function.Consumer;

/** Hears of one request from the engine: pieces become events, the end goes back to the desk. */
final class RequestEvents implements GenerationListener {

    private final IncomingRequest incoming;
    private final AdmittedRequest admitted;
    private final AnswerWriter writer;
    private final Consumer<Outcome> finished;
    // all calls come from one engine instance's thread
    private final long[] sequences;
    private final boolean[] ended;

    RequestEvents(IncomingRequest incoming, AdmittedRequest admitted, AnswerWriter writer, Consumer<Outcome> finished) {
        this.incoming = incoming;
        this.admitted = admitted;
        this.writer = writer;
        this.finished = finished;
        this.sequences = new long[admitted.message().n()];
        this.ended = new boolean[admitted.message().n()];
    }

    @Override
    public void onText(int choice, String piece) {
        event(choice, piece, Optional.empty());
    }

    @Override
    public void onChoiceFinished(int choice, FinishReason reason) {
        ended[choice] = true;
        event(choice, "", Optional.of(Results.spelled(reason)));
    }

    @Override
    public void onFinished(Outcome outcome) {
        if (outcome instanceof Failure) {
            // who follows the stream would wait for its last events
            for (int choice = 0; choice < ended.length; choice++) {
                if (!ended[choice]) {
                    onChoiceFinished(choice, FinishReason.ERROR);
                }
            }
        }
        finished.accept(outcome);
    }

    private void event(int choice, String text, Optional<String> finishReason) {
        if (admitted.message().stream()) {
            writer.event(
                    incoming,
                    new EventMessage(
                            admitted.id(), incoming.attempt(), choice, sequences[choice]++, text, finishReason));
        }
    }
}
