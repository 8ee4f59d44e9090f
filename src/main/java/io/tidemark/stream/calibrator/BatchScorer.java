package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLoadTimeoutException;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.rule.BoundaryScores;
import io.tidemark.calibration.rule.ExampleFilter;
import io.tidemark.calibration.rule.ScoredBatch;
import io.tidemark.calibration.sweep.BoundarySweep;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.catalog.AdapterCatalog.Resolution;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.input.InputEncoder;
import io.tidemark.input.RejectedException;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Parsed;
import io.tidemark.message.ValidationBatch;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.kafka.common.KafkaException;
import org.jboss.logging.Logger;

/**
 * Reads the records of the topic {@code validation-batches} and scores their examples. Used by the calibrator's thread
 * only.
 */
public final class BatchScorer {

    private static final Logger LOG = Logger.getLogger(BatchScorer.class);
    private static final Duration POLL = Duration.ofMillis(20);

    /**
     * A batch that can be scored. Its adapter stays loaded until the batch is closed.
     *
     * @param examples the tokens of the examples that can be scored
     * @param unscored these examples without scores, and the number of the others
     */
    record TokenizedBatch(
            String batchId,
            AdapterLease lease,
            LoadedVersion version,
            List<TokenizedExample> examples,
            ScoredBatch unscored)
            implements AutoCloseable {

        TokenizedBatch {
            examples = List.copyOf(examples);
        }

        /** The digest of the examples. */
        String content() {
            return TokenizedExample.digest(examples);
        }

        LoadedAdapter adapter() {
            return lease.adapter();
        }

        @Override
        public void close() {
            lease.close();
        }
    }

    private final LanguageModel model;
    private final InputEncoder encoder;
    private final AdapterCatalog adapters;
    private final AdapterSuggestions suggestions;
    private final int maxExamples;
    private final BoundarySweep sweep;
    private final SweepExecutor executor;
    private final Time time;

    /**
     * @param model       must stay open as long as the scorer is used, and so must {@code adapters}
     * @param suggestions what errors for unknown adapters say
     * @param maxExamples the most examples of a batch; a larger batch is rejected
     * @param limits      the batch size and the threads of a sweep
     * @param time        waits for an adapter that loads
     */
    public BatchScorer(
            LanguageModel model,
            AdapterCatalog adapters,
            AdapterSuggestions suggestions,
            int maxExamples,
            SweepLimits limits,
            SweepExecutor executor,
            Time time) {
        this.model = model;
        this.encoder = new InputEncoder(model);
        this.adapters = adapters;
        this.suggestions = suggestions;
        this.maxExamples = maxExamples;
        this.sweep = new BoundarySweep(model, limits);
        this.executor = executor;
        this.time = time;
    }

    /**
     * Reads a batch.
     *
     * @param value the value of the Kafka record, which may be null
     * @throws RejectedException if the batch is invalid
     */
    ValidationBatch parse(byte[] value) throws RejectedException {
        Parsed<ValidationBatch> parsed = ValidationBatch.parse(value, TopicSettings.MAX_RECORD_BYTES, maxExamples);
        if (parsed instanceof Parsed.Valid<ValidationBatch> valid) {
            return valid.record();
        }
        throw new RejectedException(((Parsed.Invalid<ValidationBatch>) parsed).error());
    }

    /**
     * Encodes the examples of a batch and waits until its adapter is loaded. Examples that are longer than the context
     * are refused; the others are scored.
     *
     * @param heartbeat called every 20 ms while the adapter loads; false ends the wait
     * @throws RejectedException       if the adapter is unknown or cannot be loaded, or an example cannot be encoded
     * @throws SweepAbandonedException if the wait was ended
     */
    TokenizedBatch prepare(ValidationBatch batch, SweepExecutor.Heartbeat heartbeat)
            throws RejectedException, SweepAbandonedException {
        RegisteredAdapter adapter = resolve(batch.adapter());
        List<TokenizedExample> examples = new ArrayList<>();
        ScoredBatch unscored = encode(batch.examples(), examples);
        AdapterLease lease = lease(adapter, heartbeat);
        LoadedVersion version = model.version(lease.adapter().digest());
        return new TokenizedBatch(batch.batchId(), lease, version, examples, unscored);
    }

    /**
     * Scores examples of a batch.
     *
     * @param places     the places of the examples in the batch, one or more
     * @param boundaries the boundaries at which they are scored, ascending
     * @param heartbeat  is called during the sweep, see {@link SweepExecutor#run}
     * @return the scores of the examples at the places
     * @throws RejectedException       if the sweep fails
     * @throws SweepAbandonedException if the sweep was ended
     * @throws KafkaException          from {@code heartbeat}
     */
    List<BoundaryScores> score(
            TokenizedBatch batch, List<Integer> places, List<Integer> boundaries, SweepExecutor.Heartbeat heartbeat)
            throws RejectedException, SweepAbandonedException {
        List<TokenizedExample> examples =
                places.stream().map(batch.examples()::get).toList();
        double[][] scores;
        try {
            scores = executor.run(sweep.start(batch.adapter().weights(), examples, boundaries), heartbeat);
        } catch (KafkaException e) {
            throw e;
        } catch (RuntimeException e) {
            LogFields.adapter(batch.adapter().id())
                    .during(() -> LOG.errorf(e, "the sweep of batch '%s' failed", LogText.of(batch.batchId())));
            throw new RejectedException(ErrorBody.serverError("sweep_failed", "the batch could not be scored"));
        }
        return Arrays.stream(scores)
                .map(ofExample -> BoundaryScores.of(boundaries, ofExample))
                .toList();
    }

    private ScoredBatch encode(List<ValidationBatch.Example> examples, List<TokenizedExample> encoded)
            throws RejectedException {
        List<ScoredBatch.ScoredExample> unscored = new ArrayList<>();
        for (int i = 0; i < examples.size(); i++) {
            ValidationBatch.Example example = examples.get(i);
            try {
                encoded.add(encoder.encode(example, "examples[" + i + "]"));
                unscored.add(new ScoredBatch.ScoredExample(
                        ExampleFilter.Bits.ofExample(example.identity()), example.group(), BoundaryScores.NONE));
            } catch (RejectedException e) {
                if (!e.error().code().equals(InputEncoder.TOO_LONG)) {
                    throw e;
                }
            }
        }
        return new ScoredBatch(unscored, examples.size() - encoded.size());
    }

    private RegisteredAdapter resolve(String adapter) throws RejectedException {
        Resolution resolution = adapters.resolveAdapter(adapter);
        if (resolution instanceof Resolution.Found found) {
            return found.adapter().version();
        }
        if (resolution instanceof Resolution.Late) {
            throw new RejectedException(ErrorBody.adapterTimeout(adapter));
        }
        if (resolution instanceof Resolution.Unknown) {
            throw new RejectedException(
                    "unknown_adapter",
                    "adapter",
                    adapters.isKnown(adapter)
                            ? "'" + adapter + "' is an alias; a batch names an adapter"
                            : suggestions.unknown(adapter));
        }
        throw new RejectedException(ErrorBody.adapterUnusable(adapter));
    }

    private AdapterLease lease(RegisteredAdapter adapter, SweepExecutor.Heartbeat heartbeat)
            throws RejectedException, SweepAbandonedException {
        CompletableFuture<AdapterLease> lease = adapters.lease(adapter);
        try {
            while (!lease.isDone()) {
                if (Thread.currentThread().isInterrupted() || !heartbeat.beat(0)) {
                    throw new SweepAbandonedException();
                }
                time.sleep(POLL);
            }
        } catch (SweepAbandonedException | RuntimeException e) {
            lease.cancel(false);
            // without effect unless the adapter was loaded in the meantime
            lease.thenAccept(AdapterLease::close);
            throw e;
        }
        try {
            return lease.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new RejectedException(
                    e.getCause() instanceof AdapterLoadTimeoutException
                            ? ErrorBody.adapterTimeout(adapter.id())
                            : ErrorBody.adapterUnusable(adapter.id()));
        }
    }
}
