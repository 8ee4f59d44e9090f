package io.tidemark.request;

import io.tidemark.generation.Completion;
import io.tidemark.generation.FinishReason;
import io.tidemark.generation.Outcome;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.Input;
import io.tidemark.message.Provenance;
import io.tidemark.message.RequestMessage;
import io.tidemark.request.AdmittedRequest.PinnedAdapter;
import io.tidemark.time.Time;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/** Makes the answers of requests from outcomes of the engine and from errors. Thread-safe. */
public final class Answers {

    private final String baseModel;
    private final int numLayers;
    private final String worker;
    private final Time time;

    /**
     * @param baseModel name of the base model
     * @param numLayers decoder layers of the base model
     * @param worker    name of this process
     */
    public Answers(String baseModel, int numLayers, String worker, Time time) {
        this.baseModel = baseModel;
        this.numLayers = numLayers;
        this.worker = worker;
        this.time = time;
    }

    /** The answer of a request that was generated. */
    Answer finished(ReceivedRequest request, AdmittedRequest admitted, Outcome outcome) {
        if (outcome instanceof Failure failure) {
            ErrorBody error = ErrorBody.serverError(failure.code(), failure.message());
            return failed(
                    request,
                    admitted.id(),
                    Optional.of(admitted.message().model()),
                    error,
                    admitted.message().ignoredFields(),
                    provenance(request, admitted, Optional.empty()));
        }
        long ended = time.nanoTime();
        Completion completion = (Completion) outcome;
        Input input = admitted.message().input();
        Completion.CompletionUsage usage = completion.usage();
        CompletionResult result = new CompletionResult(
                admitted.id(),
                CompletionResult.objectFor(input),
                now(),
                admitted.message().model(),
                completion.choices().stream()
                        .map(choice -> choice(input, choice, admitted))
                        .toList(),
                CompletionResult.Usage.of(usage.promptTokens(), usage.completionTokens(), usage.cachedTokens()),
                admitted.message().ignoredFields(),
                provenance(request, admitted, Optional.of(completion)));
        return new Answer(
                request,
                result,
                Optional.empty(),
                label(completion.choices().get(0).finishReason()),
                Optional.of(completion),
                ended);
    }

    /** The answer of a request that ends before the engine has it: choices without text. */
    Answer unstarted(ReceivedRequest request, String id, RequestMessage message, FinishReason reason) {
        List<CompletionResult.Choice> choices = IntStream.range(0, message.n())
                .mapToObj(index ->
                        CompletionResult.Choice.answering(message.input(), index, "", label(reason), Optional.empty()))
                .toList();
        CompletionResult result = new CompletionResult(
                id,
                CompletionResult.objectFor(message.input()),
                now(),
                message.model(),
                choices,
                CompletionResult.Usage.of(0, 0, 0),
                message.ignoredFields(),
                rejected(request));
        return new Answer(request, result, Optional.empty(), label(reason), Optional.empty(), time.nanoTime());
    }

    /**
     * The answer of a request that was not generated.
     *
     * @param ignoredFields the fields of the request that have no effect, as far as they are known
     */
    public Answer rejected(
            ReceivedRequest request, String id, Optional<String> model, ErrorBody error, List<String> ignoredFields) {
        return failed(request, id, model, error, ignoredFields, rejected(request));
    }

    private Answer failed(
            ReceivedRequest request,
            String id,
            Optional<String> model,
            ErrorBody error,
            List<String> ignoredFields,
            Provenance provenance) {
        return new Answer(
                request,
                new ErrorResult(id, ErrorResult.ERROR, now(), model, error, ignoredFields, provenance),
                Optional.of(error),
                error.code(),
                Optional.empty(),
                time.nanoTime());
    }

    /** The name of a finish reason in events and results. */
    static String label(FinishReason reason) {
        return reason.name().toLowerCase(Locale.ROOT);
    }

    private CompletionResult.Choice choice(Input input, Completion.GeneratedChoice choice, AdmittedRequest admitted) {
        Optional<CompletionResult.Logprobs> logprobs =
                admitted.message().logprobs().isEmpty()
                        ? Optional.empty()
                        : Optional.of(new CompletionResult.Logprobs(
                                choice.logprobs().stream().map(Answers::token).toList()));
        return CompletionResult.Choice.answering(
                input, choice.index(), choice.text(), label(choice.finishReason()), logprobs);
    }

    private static CompletionResult.TokenLogprob token(Completion.ScoredToken token) {
        return new CompletionResult.TokenLogprob(
                token.text(),
                token.token(),
                token.logprob(),
                token.top().stream()
                        .map(other -> new CompletionResult.Alternative(other.text(), other.token(), other.logprob()))
                        .toList());
    }

    private Provenance rejected(ReceivedRequest request) {
        return Provenance.rejected(request.source(), baseModel, worker, request.attempt());
    }

    private Provenance provenance(ReceivedRequest request, AdmittedRequest admitted, Optional<Completion> completion) {
        Optional<Completion.Timing> timing = completion.map(Completion::timing);
        Optional<PinnedAdapter> pinned = admitted.adapter();
        return new Provenance(
                request.source(),
                baseModel,
                pinned.map(PinnedAdapter::id),
                pinned.flatMap(p -> p.chosen().alias()),
                pinned.map(PinnedAdapter::digest),
                pinned.map(p -> p.chosen().recordOffset()).orElse(OptionalLong.empty()),
                pinned.map(p -> p.chosen().aliasOffset()).orElse(OptionalLong.empty()),
                pinned.map(p -> OptionalInt.of(p.boundary().layers())).orElse(OptionalInt.empty()),
                OptionalInt.of(numLayers),
                pinned.map(PinnedAdapter::boundaryOffset).orElse(OptionalLong.empty()),
                OptionalLong.of(admitted.generation().params().seed()),
                worker,
                request.attempt(),
                OptionalDouble.of(admitted.waited().toNanos() / 1e6),
                timing.map(t -> OptionalDouble.of(t.queuedMs())).orElse(OptionalDouble.empty()),
                completion.map(Completion::firstTokenMs).orElse(OptionalDouble.empty()),
                timing.map(t -> OptionalDouble.of(t.totalMs())).orElse(OptionalDouble.empty()));
    }

    private long now() {
        return time.instant().getEpochSecond();
    }
}
