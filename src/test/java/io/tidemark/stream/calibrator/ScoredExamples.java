package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.calibration.sweep.SweepLimits;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.Catalogs;
import io.tidemark.time.Time;
import java.util.List;

/** The examples of a validation batch as a calibrator scores them, for tests of other packages. */
public final class ScoredExamples {

    private ScoredExamples() {}

    /** @param value the value of a valid record */
    public static List<TokenizedExample> of(LanguageModel model, AdapterStore adapters, byte[] value) throws Exception {
        BatchScorer scorer = new BatchScorer(
                model,
                Catalogs.ofFolders(adapters),
                AdapterSuggestions.NONE,
                100,
                SweepLimits.DEFAULT,
                SweepExecutor.onOwnThreads(),
                Time.system());
        try (BatchScorer.TokenizedBatch batch = scorer.prepare(scorer.parse(value), progress -> true)) {
            return batch.examples();
        }
    }
}
