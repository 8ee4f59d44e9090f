package io.tidemark.stream.worker;

import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.Input;
import io.tidemark.message.Provenance;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.ResultMessage;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/** Converts outcomes of the engine into values of the topic of results. */
final class Results {

    private final String baseModel;
    private final int numLayers;
    private final String worker;
    private final Clock clock;

    /**
     * @param baseModel name of the base model
     * @param numLayers decoder layers of the base model
     * @param worker    name of this process
     */
    Results(String baseModel, int numLayers, String worker, Clock clock) {
        this.baseModel = baseModel;
        this.numLayers = numLayers;
        this.worker = worker;
        this.clock = clock;
    }

    ResultMessage completed(IncomingRequest incoming, AdmittedRequest admitted, Completion completion) {
        Input input = admitted.message().input();
        Completion.Usage usage = completion.usage();
        return new CompletionResult(
                admitted.id(),
                CompletionResult.objectFor(input),
                now(),
                admitted.message().model(),
                completion.choices().stream()
                        .map(choice -> choice(input, choice, admitted))
                        .toList(),
                CompletionResult.Usage.of(usage.promptTokens(), usage.completionTokens(), usage.cachedTokens()),
                provenance(incoming, admitted, Optional.of(completion)));
    }

    /** The result of a request that did not run before its deadline. */
    ResultMessage expired(IncomingRequest incoming, RequestMessage message, String id) {
        List<CompletionResult.Choice> choices = IntStream.range(0, message.n())
                .mapToObj(index -> CompletionResult.Choice.answering(
                        message.input(), index, "", label(FinishReason.DEADLINE), Optional.empty()))
                .toList();
        return new CompletionResult(
                id,
                CompletionResult.objectFor(message.input()),
                now(),
                message.model(),
                choices,
                CompletionResult.Usage.of(0, 0, 0),
                Provenance.rejected(incoming.source(), baseModel, worker, incoming.attempt()));
    }

    ResultMessage rejected(IncomingRequest incoming, String id, Optional<String> model, ErrorBody error) {
        return ErrorResult.of(
                id, now(), model, error, Provenance.rejected(incoming.source(), baseModel, worker, incoming.attempt()));
    }

    ResultMessage failed(IncomingRequest incoming, AdmittedRequest admitted, ErrorBody error) {
        return ErrorResult.of(
                admitted.id(),
                now(),
                Optional.of(admitted.message().model()),
                error,
                provenance(incoming, admitted, Optional.empty()));
    }

    /** Milliseconds from admission into the batch to the first token; empty for a request without tokens. */
    static OptionalDouble firstTokenMs(Completion completion) {
        return completion.usage().completionTokens() == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of(completion.timing().firstTokenMs());
    }

    static String label(FinishReason reason) {
        return reason.name().toLowerCase(Locale.ROOT);
    }

    private CompletionResult.Choice choice(Input input, Completion.Choice choice, AdmittedRequest admitted) {
        Optional<CompletionResult.Logprobs> logprobs =
                admitted.message().logprobs().isEmpty()
                        ? Optional.empty()
                        : Optional.of(new CompletionResult.Logprobs(
                                choice.logprobs().stream().map(Results::token).toList()));
        return CompletionResult.Choice.answering(
                input, choice.index(), choice.text(), label(choice.finishReason()), logprobs);
    }

    private static CompletionResult.TokenLogprob token(Completion.TokenLogprob token) {
        return new CompletionResult.TokenLogprob(
                token.text(),
                token.token(),
                token.logprob(),
                token.top().stream()
                        .map(other -> new CompletionResult.Alternative(other.text(), other.token(), other.logprob()))
                        .toList());
    }

    private Provenance provenance(IncomingRequest incoming, AdmittedRequest admitted, Optional<Completion> completion) {
        Optional<Completion.Timing> timing = completion.map(Completion::timing);
        Optional<AdmittedRequest.PinnedAdapter> pinned = admitted.adapter();
        return new Provenance(
                incoming.source(),
                baseModel,
                pinned.map(AdmittedRequest.PinnedAdapter::digest),
                pinned.map(p -> OptionalInt.of(p.boundary().layers())).orElse(OptionalInt.empty()),
                OptionalInt.of(numLayers),
                pinned.map(AdmittedRequest.PinnedAdapter::boundaryOffset).orElse(OptionalLong.empty()),
                OptionalLong.of(admitted.generation().params().seed()),
                worker,
                incoming.attempt(),
                timing.map(t -> OptionalDouble.of(t.queuedMs())).orElse(OptionalDouble.empty()),
                completion.map(Results::firstTokenMs).orElse(OptionalDouble.empty()),
                timing.map(t -> OptionalDouble.of(t.totalMs())).orElse(OptionalDouble.empty()));
    }

    private long now() {
        return clock.instant().getEpochSecond();
    }
}
