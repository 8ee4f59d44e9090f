package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.message.RequestMessage;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import io.tidemark.stream.worker.AdmittedRequest.PinnedAdapter;
import java.util.Comparator;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** Which adapter, and how much of it, a request gets: looked up once, at admission. */
final class AdapterChoice {

    /** What the engine needs of the choice. */
    record Chosen(Optional<LoadedAdapter> loaded, Optional<PinnedAdapter> pinned, Boundary boundary) {}

    private final String baseModel;
    private final int numLayers;
    private final AdapterStore adapters;
    private final BoundaryTable table;
    private final WorkerMetrics metrics;

    AdapterChoice(String baseModel, int numLayers, AdapterStore adapters, BoundaryTable table, WorkerMetrics metrics) {
        this.baseModel = baseModel;
        this.numLayers = numLayers;
        this.adapters = adapters;
        this.table = table;
        this.metrics = metrics;
    }

    /**
     * The adapter's id, empty for the base model.
     *
     * @throws RequestNotAdmitted for a model that nobody knows, or a boundary above the last layer
     */
    Optional<String> require(RequestMessage request) throws RequestNotAdmitted {
        if (request.boundary().isPresent() && request.boundary().getAsInt() > numLayers) {
            throw new RequestNotAdmitted("out_of_range", "boundary", "'boundary' must be between 0 and " + numLayers);
        }
        if (adapters.isRegistered(request.model())) {
            return Optional.of(request.model());
        }
        if (request.model().equals(baseModel)) {
            return Optional.empty();
        }
        throw new RequestNotAdmitted("unknown_adapter", "model", unknown(request.model()));
    }

    /** What holds from now on for the request's whole life. */
    Chosen pin(RequestMessage request, Optional<LoadedAdapter> loaded) {
        Optional<PinnedAdapter> pinned = loaded.map(adapter -> pin(adapter, request));
        return new Chosen(
                loaded, pinned, pinned.map(PinnedAdapter::boundary).orElseGet(() -> Boundary.full(numLayers)));
    }

    /** The tag of metrics for a request's model; a client's misspelling never becomes one. */
    String metricName(String model) {
        return model.equals(baseModel) || adapters.isRegistered(model) ? model : WorkerMetrics.UNKNOWN;
    }

    private PinnedAdapter pin(LoadedAdapter loaded, RequestMessage request) {
        if (request.boundary().isPresent()) {
            return new PinnedAdapter(
                    loaded.id(),
                    loaded.digest(),
                    new Boundary(request.boundary().getAsInt()),
                    OptionalLong.empty());
        }
        BoundaryTable.Row row = table.row(loaded.id());
        AppliedBoundary applied =
                AppliedBoundary.of(row.entry(), new LoadedVersion(baseModel, loaded.digest(), numLayers));
        if (applied instanceof AppliedBoundary.FullLora full) {
            metrics.boundaryFallback(full.reason().label());
            return new PinnedAdapter(loaded.id(), loaded.digest(), full.boundary(), OptionalLong.empty());
        }
        return new PinnedAdapter(loaded.id(), loaded.digest(), applied.boundary(), row.offset());
    }

    private String unknown(String model) {
        LevenshteinDistance distance = LevenshteinDistance.getDefaultInstance();
        int farthest = Math.max(1, model.length() / 3);
        return "no adapter '" + model + "'"
                + adapters.ids().stream()
                        .filter(id -> distance.apply(id, model) <= farthest)
                        .min(Comparator.comparingInt(id -> distance.apply(id, model)))
                        .map(id -> "; did you mean '" + id + "'?")
                        .orElse("");
    }
}
