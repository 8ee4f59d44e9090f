package io.tidemark.request;

import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.catalog.AdapterCatalog.Resolution;
import io.tidemark.catalog.ChosenAdapter;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.StopConditions;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.EndingFields;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.FormatFields;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.SamplingFields;
import io.tidemark.request.AdmittedRequest.PinnedAdapter;
import io.tidemark.request.Boundaries.RequestBoundary;
import io.tidemark.request.RequestState.Prepared;
import io.tidemark.request.RequestState.Validated;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * Turns parsed requests into requests for the engine: tokenizes the input, resolves the adapter, and pins its version
 * and boundary. {@link #prepare} and {@link #withFormat} do everything that needs no adapter weights, so that no
 * adapter is loaded for a request that is rejected. Thread-safe.
 */
public final class Admission {

    private final LanguageModel model;
    private final InputEncoder encoder;
    private final int numLayers;
    private final AdapterCatalog adapters;
    private final Boundaries boundaries;
    private final AnswerFormats formats;
    private final RequestListener listener;
    private final AdapterSuggestions suggestions;

    /**
     * @param formats     the formats that answers may have
     * @param suggestions the ids that errors for unknown adapters may name
     */
    public Admission(
            LanguageModel model,
            AdapterCatalog adapters,
            Boundaries boundaries,
            AnswerFormats formats,
            AdapterSuggestions suggestions,
            RequestListener listener) {
        this.model = model;
        this.encoder = new InputEncoder(model);
        this.numLayers = model.config().numLayers();
        this.adapters = adapters;
        this.boundaries = boundaries;
        this.formats = formats;
        this.suggestions = suggestions;
        this.listener = listener;
    }

    int contextLength() {
        return model.config().contextLength();
    }

    /**
     * @param interrupted whether the chat template must end
     * @throws RejectedException for an exceeded limit of the tenant, an unknown model, a boundary above the number of
     *     layers, an input without tokens, or a chat template that fails or is interrupted
     */
    Prepared prepare(Tenant tenant, Validated request, BooleanSupplier interrupted) throws RejectedException {
        RequestMessage message = request.message();
        tenant.check(message);
        Optional<ChosenAdapter> adapter = choose(tenant, request.id(), message);
        List<Integer> prompt = encoder.encode(message.input(), interrupted);
        GenerationParams params = new GenerationParams(
                stopConditions(message.ending()),
                sampling(message.sampling()),
                message.sampling().seed().orElseGet(() -> seedFrom(request.id())),
                message.n(),
                message.logprobs());
        return request.prepared(adapter, prompt, params);
    }

    /**
     * A prepared request with its format if that needs no compilation: the answer is free text, or an earlier request
     * has had the format.
     *
     * @throws RejectedException if this process enforces no format
     */
    Optional<Prepared> withKnownFormat(Tenant tenant, Prepared prepared) throws RejectedException {
        FormatFields answer = prepared.message().answer();
        return answer.isFreeText()
                ? Optional.of(prepared)
                : formats.find(answer, tenant.name()).map(prepared::withGrammar);
    }

    /** Opens the compiler of formats unless that was tried before; takes seconds. See {@link AnswerFormats#open}. */
    void openFormats() {
        formats.open();
    }

    /**
     * A prepared request with its format, which is compiled. Takes up to {@code tidemark.limits.format-compile-time}.
     *
     * @throws RejectedException if the format is not supported, too large or too slow, if the formats of open requests
     *     take the memory for formats, or if this process enforces no format
     */
    Prepared withFormat(Tenant tenant, Prepared prepared) throws RejectedException {
        long start = System.nanoTime();
        String outcome = "internal_error";
        try {
            Prepared compiled =
                    prepared.withGrammar(formats.compile(prepared.message().answer(), tenant.name()));
            outcome = "compiled";
            return compiled;
        } catch (RejectedException e) {
            outcome = e.error().code();
            throw e;
        } finally {
            listener.onFormatCompiled(outcome, Duration.ofNanos(System.nanoTime() - start));
        }
    }

    /**
     * Pins the boundary of a prepared request: the one in the request, else the one in force.
     *
     * @param engineId id of this delivery of the request in the engine
     * @param waited   the time from the receipt of the request to this call
     */
    AdmittedRequest admit(
            Tenant tenant, Prepared prepared, String engineId, Optional<LoadedAdapter> adapter, Duration waited) {
        Optional<PinnedAdapter> pinned =
                adapter.map(loaded -> pin(loaded, prepared.adapter().orElseThrow(), prepared.message()));
        return new AdmittedRequest(
                prepared.id(),
                prepared.message(),
                pinned,
                new EngineRequest(
                        engineId,
                        prepared.prompt(),
                        prepared.params(),
                        adapter.map(LoadedAdapter::weights),
                        pinned.map(PinnedAdapter::boundary).orElseGet(() -> Boundary.full(numLayers)),
                        prepared.message().head().priority(),
                        tenant.name()),
                waited);
    }

    /**
     * The boundary of the next request for an adapter; empty until the first load, because it depends on the digest.
     */
    public Optional<Boundary> currentBoundary(String adapter) {
        return adapters.digest(adapter)
                .map(digest ->
                        boundaries.of(adapter, model.version(digest)).applied().boundary());
    }

    private Optional<ChosenAdapter> choose(Tenant tenant, String id, RequestMessage request) throws RejectedException {
        if (request.boundary().isPresent() && request.boundary().getAsInt() > numLayers) {
            throw new RejectedException("out_of_range", "boundary", "'boundary' must be between 0 and " + numLayers);
        }
        if (request.model().equals(model.name())) {
            return Optional.empty();
        }
        tenant.checkAdapter(request.model());
        Resolution resolution = adapters.resolve(request.model(), id, request.user());
        if (resolution instanceof Resolution.Found found) {
            return Optional.of(found.adapter());
        }
        if (resolution instanceof Resolution.UnknownTarget unknown) {
            throw new RejectedException(
                    "unknown_adapter",
                    "model",
                    "the alias '" + request.model() + "' names the adapter '" + unknown.target()
                            + "', which does not exist");
        }
        if (resolution instanceof Resolution.Unusable) {
            throw new RejectedException(ErrorBody.adapterUnusable(request.model()));
        }
        if (resolution instanceof Resolution.Late) {
            throw new RejectedException(ErrorBody.adapterTimeout(request.model()));
        }
        throw new RejectedException("unknown_adapter", "model", suggestions.unknown(request.model()));
    }

    private PinnedAdapter pin(LoadedAdapter loaded, ChosenAdapter chosen, RequestMessage request) {
        if (request.boundary().isPresent()) {
            return new PinnedAdapter(
                    chosen, loaded.digest(), new Boundary(request.boundary().getAsInt()), OptionalLong.empty());
        }
        RequestBoundary inForce = boundaries.of(loaded.id(), model.version(loaded.digest()));
        if (inForce.applied() instanceof AppliedBoundary.FullLora full) {
            listener.onFullLora(full.reason());
        }
        return new PinnedAdapter(chosen, loaded.digest(), inForce.applied().boundary(), inForce.offset());
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
