package io.tidemark.adapter;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.tenant.TenantWeights;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;

/** A model and a store with memory for a given number of adapters, which all have the same size. */
final class AdapterCacheFixture implements AutoCloseable {

    static final String FAMILY = "llama-gqa";

    /** In ticks of the test. */
    static final Duration LOAD_LIMIT = Duration.ofSeconds(3);

    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final long adapterBytes = fixture.adapter("qv").bytes();
    private GatedLoader loader;
    private final List<AdapterStore> stores = new ArrayList<>();

    static Path folder() {
        return Folders.adapter(FAMILY, "qv");
    }

    /** A store with memory for this number of adapters, in which a, b, c and d are registered. */
    AdapterStore memoryFor(int adapters) {
        AdapterStore store = budget(adapters * adapterBytes);
        List.of("a", "b", "c", "d").forEach(id -> store.register(id, folder()));
        return store;
    }

    /** A store without adapters, which the fixture closes. */
    AdapterStore budget(long bytes) {
        return budget(bytes, TenantWeights.EQUAL);
    }

    AdapterStore budget(long bytes, TenantWeights weights) {
        loader = new GatedLoader(new FolderLoader(fixture.model()));
        AdapterStore store = new AdapterStore(FAMILY, loader, bytes, weights, LOAD_LIMIT);
        stores.add(store);
        return store;
    }

    /** The loader of the last store. */
    GatedLoader loader() {
        return loader;
    }

    long adapterBytes() {
        return adapterBytes;
    }

    /** Whether a step with the adapter succeeds, which fails with freed weights. */
    boolean isAlive(AdapterLease lease) {
        try (KvPool pool = new KvPool(fixture.model().decoder().kvCache(), 1 << 20)) {
            fixture.model()
                    .decoder()
                    .logits(List.of(new StepRow(
                            pool.reserve(8).orElseThrow(),
                            List.of(5),
                            0,
                            Optional.of(lease.adapter().weights()),
                            new Boundary(1),
                            Optional.empty())));
            return true;
        } catch (IllegalStateException e) {
            return false;
        }
    }

    /** A store does not wait for loads that hang, which use the model when the gate opens. */
    @Override
    public void close() {
        Awaitility.await()
                .until(() -> stores.stream().allMatch(store -> store.stats().hangingLoads() == 0));
        stores.forEach(AdapterStore::close);
        fixture.close();
    }
}
