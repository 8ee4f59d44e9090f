package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.TokenizedExample;
import java.util.List;

/** A validation batch that can be scored: its adapter stays loaded until it is closed, and its examples are tokens. */
record UsableBatch(String batchId, AdapterLease lease, LoadedVersion version, List<TokenizedExample> examples)
        implements AutoCloseable {

    UsableBatch {
        examples = List.copyOf(examples);
    }

    LoadedAdapter adapter() {
        return lease.adapter();
    }

    @Override
    public void close() {
        lease.close();
    }
}
