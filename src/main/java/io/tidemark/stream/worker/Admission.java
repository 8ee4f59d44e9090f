package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.StopConditions;
import io.tidemark.message.EndingFields;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Input;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.SamplingFields;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.worker.AdmittedRequest.PinnedAdapter;
import io.tidemark.text.ChatMessage;
import io.tidemark.text.ChatTemplateException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Turns parsed requests into requests for the engine: tokenizes the input, resolves the adapter, and pins its version
 * and boundary. {@link #prepare} does everything that needs no adapter weights, so that no adapter is loaded for a
 * request that is rejected.
 */
final class Admission {

    private final LanguageModel model;
    private final int numLayers;
    private final AdapterStore adapters;
    private final BoundaryTable boundaries;
    private final WorkerMetrics metrics;
    private final AdapterSuggestions suggestions;

    /** @param suggestions the ids that errors for unknown adapters may name */
    Admission(
            LanguageModel model,
            AdapterStore adapters,
            BoundaryTable boundaries,
            WorkerMetrics metrics,
            AdapterSuggestions suggestions) {
        this.model = model;
        this.numLayers = model.config().numLayers();
        this.adapters = adapters;
        this.boundaries = boundaries;
        this.metrics = metrics;
        this.suggestions = suggestions;
    }

    /**
     * A request that can run when its adapter is loaded.
     *
     * @param id       id in the record, or derived from its position
     * @param engineId id of this delivery of the request in the engine
     * @param adapter  id of the adapter; empty for the base model
     * @param prompt   token ids, at least one
     */
    record Prepared(
            String id,
            String engineId,
            RequestMessage message,
            Optional<String> adapter,
            List<Integer> prompt,
            GenerationParams params) {}

    /** The request can't be served; {@link #error} goes to its sender. */
    static final class RejectedException extends Exception {

        private static final long serialVersionUID = 1L;

        private final transient ErrorBody error;

        private RejectedException(String code, String param, String message) {
            super(message, null, false, false);
            this.error = ErrorBody.invalidRequest(code, param, message);
        }

        ErrorBody error() {
            return error;
        }
    }

    /** @throws RejectedException for an unknown model, a boundary above the number of layers, or an input without tokens */
    Prepared prepare(RequestMessage request, String id, String engineId) throws RejectedException {
        Optional<String> adapter = resolveAdapter(request);
        List<Integer> prompt = tokenize(request.input());
        GenerationParams params = new GenerationParams(
                stopConditions(request.ending()),
                sampling(request.sampling()),
                request.sampling().seed().orElseGet(() -> seedFrom(id)),
                request.n(),
                request.logprobs());
        return new Prepared(id, engineId, request, adapter, prompt, params);
    }

    /** Pins the boundary of a prepared request: the one in the request, else the one in the boundary table. */
    AdmittedRequest admit(Prepared prepared, Optional<LoadedAdapter> adapter) {
        Optional<PinnedAdapter> pinned = adapter.map(loaded -> pin(loaded, prepared.message()));
        return new AdmittedRequest(
                prepared.id(),
                prepared.message(),
                pinned,
                new GenerationRequest(
                        prepared.engineId(),
                        prepared.prompt(),
                        prepared.params(),
                        adapter.map(LoadedAdapter::weights),
                        pinned.map(PinnedAdapter::boundary).orElseGet(() -> Boundary.full(numLayers)),
                        prepared.message().priority()));
    }

    /**
     * The boundary of the next request for an adapter; empty until the first load, because it depends on the digest.
     */
    OptionalInt currentBoundary(String adapter) {
        return adapters.digest(adapter)
                .map(digest -> OptionalInt.of(
                        apply(boundaries.row(adapter), digest).boundary().layers()))
                .orElse(OptionalInt.empty());
    }

    /**
     * The tag of metrics for the model of a request. Unknown names share one tag to bound the number of time series.
     */
    String metricTag(String requestedModel) {
        return requestedModel.equals(model.name()) || adapters.isRegistered(requestedModel)
                ? requestedModel
                : WorkerMetrics.UNKNOWN;
    }

    private Optional<String> resolveAdapter(RequestMessage request) throws RejectedException {
        if (request.boundary().isPresent() && request.boundary().getAsInt() > numLayers) {
            throw new RejectedException("out_of_range", "boundary", "'boundary' must be between 0 and " + numLayers);
        }
        if (adapters.isRegistered(request.model())) {
            return Optional.of(request.model());
        }
        if (request.model().equals(model.name())) {
            return Optional.empty();
        }
        throw new RejectedException("unknown_adapter", "model", unknownAdapter(request.model()));
    }

    private String unknownAdapter(String name) {
        return "no adapter '" + name + "'"
                + suggestions
                        .similarTo(name)
                        .map(id -> "; did you mean '" + id + "'?")
                        .orElse("");
    }

    private PinnedAdapter pin(LoadedAdapter loaded, RequestMessage request) {
        if (request.boundary().isPresent()) {
            return new PinnedAdapter(
                    loaded.id(),
                    loaded.digest(),
                    new Boundary(request.boundary().getAsInt()),
                    OptionalLong.empty());
        }
        BoundaryTable.Row row = boundaries.row(loaded.id());
        AppliedBoundary applied = apply(row, loaded.digest());
        if (applied instanceof AppliedBoundary.FullLora full) {
            metrics.countBoundaryFallback(full.reason().label());
            return new PinnedAdapter(loaded.id(), loaded.digest(), full.boundary(), OptionalLong.empty());
        }
        return new PinnedAdapter(loaded.id(), loaded.digest(), applied.boundary(), row.offset());
    }

    private AppliedBoundary apply(BoundaryTable.Row row, String digest) {
        LoadedVersion loaded = new LoadedVersion(
                model.name(), model.digest(), model.computeType().label(), digest, numLayers);
        return row.appliedTo(loaded);
    }

    private List<Integer> tokenize(Input input) throws RejectedException {
        List<Integer> tokens = input instanceof Input.Messages chat
                ? encodeChat(chat)
                : model.tokenizer().encodePrompt(((Input.Prompt) input).prompt());
        if (tokens.isEmpty()) {
            throw new RejectedException("invalid_value", input.field(), "'" + input.field() + "' tokenizes to nothing");
        }
        return tokens;
    }

    private List<Integer> encodeChat(Input.Messages chat) throws RejectedException {
        List<ChatMessage> messages = chat.messages().stream()
                .map(message -> new ChatMessage(message.fields()))
                .toList();
        try {
            return model.encodeChat(messages, chat.tools());
        } catch (ChatTemplateException e) {
            throw new RejectedException("chat_template_failed", "messages", e.getMessage());
        }
    }

    private static SamplingParams sampling(SamplingFields fields) {
        Penalties penalties =
                new Penalties(fields.repetitionPenalty(), fields.presencePenalty(), fields.frequencyPenalty());
        return new SamplingParams(
                fields.temperature(), fields.topP(), fields.topK(), fields.minP(), penalties, fields.logitBias());
    }

    private static StopConditions stopConditions(EndingFields fields) {
        return new StopConditions(
                fields.maxTokens(),
                fields.minTokens(),
                fields.stop(),
                Set.copyOf(fields.stopTokenIds()),
                fields.ignoreEos());
    }

    /** A seed that is the same for every delivery of a request: the first 8 bytes of the id's SHA-256. */
    static long seedFrom(String id) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(id.getBytes(StandardCharsets.UTF_8));
            return ByteBuffer.wrap(hash).getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
