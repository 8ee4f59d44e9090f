package io.tidemark.stream.serving;

import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.generation.GenerationEngine;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.Base;
import io.tidemark.message.WorkerStateRecord.Heartbeat;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import io.tidemark.stream.tables.AdapterTable;
import io.tidemark.stream.tables.BoundaryTable;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * What a process has: its model, the state and the applied boundary of each name, and its load.
 *
 * @param process    the name of the process
 * @param boundaries the table of boundaries
 * @param engine     empty for a calibrator that has none
 * @param started    to the second
 */
record ProcessState(
        String process,
        Role role,
        LanguageModel model,
        AdapterCatalog catalog,
        AdapterTable adapters,
        BoundaryTable boundaries,
        Optional<GenerationEngine> engine,
        Instant started) {

    WorkerStateRecord current() {
        return new WorkerStateRecord(
                process,
                role.name().toLowerCase(Locale.ROOT),
                Optional.ofNullable(ProcessState.class.getPackage().getImplementationVersion())
                        .orElse("(unpackaged)"),
                new Base(
                        model.name(),
                        model.digest(),
                        model.config().contextLength(),
                        model.config().numLayers(),
                        model.computeType().label(),
                        model.kernels().label()),
                started,
                adapters.position(),
                catalog.states().stream().map(this::withBoundary).toList(),
                0);
    }

    private Adapter withBoundary(Adapter adapter) {
        return adapter.digest()
                .map(digest -> boundaries
                        .of(adapter.name(), model.version(digest))
                        .applied()
                        .boundary())
                .map(boundary -> adapter.withBoundary(boundary.layers()))
                .orElse(adapter);
    }

    Heartbeat heartbeat() {
        return new Heartbeat(
                Instant.now(),
                engine.map(running -> running.stats().runningSequences()).orElse(0),
                engine.map(running -> running.stats().queuedRequests()).orElse(0));
    }
}
