package io.tidemark.stream.calibrator;

import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.TokenizedExample;
import java.util.List;

/** A validation batch that can be scored: its adapter is loaded and its examples are tokens. */
record UsableBatch(String batchId, LoadedAdapter adapter, LoadedVersion version, List<TokenizedExample> examples) {

    UsableBatch {
        examples = List.copyOf(examples);
    }
}
