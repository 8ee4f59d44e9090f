package io.tidemark.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLoadTimeoutException;
import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.adapter.source.AdapterSource;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.adapter.source.SourceException.Failure;
import io.tidemark.catalog.AdapterCatalog.Resolution;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import io.tidemark.tenant.TenantWeights;
import io.tidemark.time.VirtualTime;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Adapter catalog")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterCatalogTest {

    private static final String FAMILY = "llama-gqa";
    private static final Duration LIMIT = Duration.ofSeconds(120);

    private final VirtualTime time = new VirtualTime();
    /** The folders that are being fetched, by digest. */
    private final Map<String, CompletableFuture<AdapterLocation.Folder>> fetched = new HashMap<>();

    private FixtureModel fixture;
    private String qv;
    private String all;
    private AdapterStore store;
    private AdapterCatalog catalog;
    private int released;
    private long offset;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load(FAMILY);
        try (AdapterStore digests = new AdapterStore(fixture.model())) {
            qv = digests.load("qv", folder("qv")).digest();
            all = digests.load("all", folder("all")).digest();
        }
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @BeforeEach
    void open() {
        fetched.clear();
        released = 0;
        offset = 0;
        store = new AdapterStore(fixture.model());
        store.register("own", folder("qv"));
        catalog = newCatalog(true);
        catalog.begin();
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    private AdapterCatalog newCatalog(boolean onArrival) {
        return new AdapterCatalog(
                store,
                fixture.model().digest(),
                (source, digest) -> {
                    AdapterSource.parse(source);
                    // each caller gets a future of its own
                    return () -> fetched.computeIfAbsent(digest, any -> new CompletableFuture<>())
                            .copy();
                },
                onArrival,
                LIMIT,
                time);
    }

    @Test
    @DisplayName("A version is served when its files are here, and its requests are delayed until then, or are late")
    void fetches() {
        put("a", stored(qv));
        assertThat(state("a").state()).isEqualTo(State.FETCHING);
        assertThat(isDelayed("a")).isTrue();
        assertThat(found("a").recordOffset()).hasValue(1);
        time.sleep(LIMIT.plusSeconds(1));
        assertThat(isDelayed("a")).isFalse();
        assertThat(resolve("a")).isInstanceOf(Resolution.Late.class);
        arrive(qv, "qv");
        assertThat(state("a").state()).isEqualTo(State.READY);
        assertThat(catalog.digest("a")).contains(qv);
        assertThat(released).isEqualTo(1);
        try (AdapterLease lease = store.lease(found("a").version(), "t").join()) {
            assertThat(lease.adapter().id()).isEqualTo("a");
            assertThat(lease.adapter().digest()).isEqualTo(qv);
            assertThat(state("a").state()).isEqualTo(State.LOADED);
        }
        assertThat(released).isEqualTo(2);
    }

    @Test
    @DisplayName("Requests get the version before until the files of the new one are here; the old one stays leased")
    void replaces() {
        put("a", stored(qv));
        arrive(qv, "qv");
        RegisteredAdapter first = found("a").version();
        AdapterLease lease = store.lease(first, "t").join();
        put("a", stored(all));
        assertThat(found("a").recordOffset()).hasValue(1);
        assertThat(state("a").next()).contains(all);
        arrive(all, "all");
        awaitOffset("a", 2);
        assertThat(catalog.digest("a")).contains(all);
        assertThat(lease.adapter().digest()).isEqualTo(qv);
        // a request that was admitted before the replacement
        store.lease(first, "t").join().close();
        lease.close();
        try (AdapterLease second = store.lease(found("a").version(), "t").join()) {
            assertThat(second.adapter().digest()).isEqualTo(all);
        }
    }

    @Test
    @DisplayName("A record that changes nothing but labels or the source fetches nothing, and its offset counts")
    void sameDigest() {
        put("a", stored(qv));
        arrive(qv, "qv");
        RegisteredAdapter first = found("a").version();
        put("a", stored(qv));
        assertThat(found("a").version()).isSameAs(first);
        assertThat(found("a").recordOffset()).hasValue(2);
        assertThat(released).isEqualTo(1);
    }

    @Test
    @DisplayName(
            "A broken record, one for another base and one with a malformed source are shown; the one before stays")
    void badRecords() {
        put("a", stored(qv));
        arrive(qv, "qv");
        put("a", "{\"sauce\": 1}");
        assertThat(state("a").reason()).contains("invalid_record");
        put("a", "{\"source\": \"file:x\", \"digest\": \"%s\", \"base\": \"%s\"}".formatted(qv, "0".repeat(64)));
        assertThat(state("a").reason()).contains("other_base");
        put("a", stored(all).replace("file:x", "ftp://x"));
        assertThat(state("a").reason()).contains("invalid_source");
        assertThat(found("a").recordOffset()).hasValue(1);
        put("new", "{}");
        assertThat(state("new").state()).isEqualTo(State.FAILED);
        assertThat(resolve("new")).isInstanceOf(Resolution.Unusable.class);
        put(FAMILY, stored(qv));
        assertThat(state(FAMILY).reason()).contains("invalid_record");
    }

    @Test
    @DisplayName("A bad record does not end the fetch of the version before it, and stays visible when that is served")
    void badRecordDuringFetch() {
        put("a", stored(qv));
        put("a", "{}");
        assertThat(state("a").state()).isEqualTo(State.FETCHING);
        assertThat(state("a").reason()).contains("invalid_record");
        arrive(qv, "qv");
        assertThat(found("a").recordOffset()).hasValue(1);
        assertThat(state("a").reason()).contains("invalid_record");
        put("a", stored(all));
        assertThat(state("a").reason()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
            value = Failure.class,
            names = {"UNREACHABLE", "UNREADABLE"})
    @DisplayName("After a temporary failure the files are fetched again, also if a bad record comes meanwhile")
    void temporaryFailure(Failure failure) {
        put("a", stored(qv));
        fetched.remove(qv).completeExceptionally(new SourceException(failure, "the store is down"));
        assertThat(state("a").state()).isEqualTo(State.FAILED);
        assertThat(state("a").reason()).contains(failure.label());
        assertThat(resolve("a")).isInstanceOf(Resolution.Late.class);
        catalog.tick();
        assertThat(fetched).isEmpty();
        time.sleep(Duration.ofSeconds(31));
        catalog.tick();
        assertThat(state("a").state()).isEqualTo(State.FETCHING);
        assertThat(state("a").reason()).contains(failure.label());
        put("a", "{}");
        assertThat(state("a").state()).isEqualTo(State.FETCHING);
        arrive(qv, "qv");
        assertThat(found("a").recordOffset()).hasValue(1);
    }

    @Test
    @DisplayName("A record that only pins the adapter loads it into memory")
    void pinnedLater() {
        put("a", stored(qv));
        arrive(qv, "qv");
        assertThat(state("a").state()).isEqualTo(State.READY);
        put("a", stored(qv).replace("}", ", \"options\": {\"pinned\": true}}"));
        awaitOffset("a", 2);
        assertThat(found("a").version().isPinned()).isTrue();
        Awaitility.await().until(() -> state("a").state() == State.LOADED);
    }

    @Test
    @DisplayName("An alias is in force until the files of the adapter that takes its name are here")
    void adapterReplacesAlias() {
        catalog = newCatalog(false);
        catalog.begin();
        put("a", "{\"targets\": [{\"adapter\": \"own\", \"weight\": 1}]}");
        put("a", stored(all));
        assertThat(found("a").id()).isEqualTo("own");
        assertThat(state("a").next()).contains(all);
        arrive(all, "all");
        awaitOffset("a", 2);
    }

    @Test
    @DisplayName("Files that are no adapter for the model fail the name; a valid record repairs it")
    void invalidFiles() {
        put("a", stored(all));
        fetched.get(all).complete(new AdapterLocation.Folder(Path.of("no-folder"), () -> released++));
        assertThat(state("a").state()).isEqualTo(State.FAILED);
        assertThat(state("a").reason()).contains("invalid_adapter");
        assertThat(released).isEqualTo(1);
        put("a", stored(qv));
        arrive(qv, "qv");
        assertThat(state("a").state()).isEqualTo(State.READY);
    }

    @Test
    @DisplayName("A folder with another digest than the record's is refused when it is loaded")
    void otherDigest() {
        put("a", stored(all));
        arrive(all, "qv");
        assertThat(store.lease(found("a").version(), "t"))
                .failsWithin(Duration.ofSeconds(30))
                .withThrowableThat()
                .withMessageContaining("has the digest " + qv);
    }

    @Test
    @DisplayName(
            "A lease whose files do not come fails after the time limit of loads, and nobody waits for them any more")
    void lateFiles() {
        try (AdapterStore limited =
                new AdapterStore(fixture.model(), Long.MAX_VALUE, TenantWeights.EQUAL, Duration.ofMillis(50))) {
            CompletableFuture<AdapterLocation.Folder> files = new CompletableFuture<>();
            CompletableFuture<AdapterLease> lease = limited.lease(limited.version("a", qv, () -> files, false), "t");
            assertThat(lease)
                    .failsWithin(Duration.ofSeconds(30))
                    .withThrowableThat()
                    .withCauseInstanceOf(AdapterLoadTimeoutException.class);
            assertThat(files).isCancelled();
        }
    }

    @Test
    @DisplayName("With the setting 'request', the first request fetches the files")
    void onRequest() {
        catalog = newCatalog(false);
        catalog.begin();
        put("a", stored(qv));
        assertThat(state("a").state()).isEqualTo(State.WAITING);
        assertThat(fetched).isEmpty();
        assertThat(isDelayed("a")).isTrue();
        assertThat(state("a").state()).isEqualTo(State.FETCHING);
        CompletableFuture<AdapterLease> lease = store.lease(found("a").version(), "t");
        arrive(qv, "qv");
        lease.join().close();
        assertThat(isDelayed("a")).isFalse();
        put("pinned", stored(all).replace("}", ", \"options\": {\"pinned\": true}}"));
        assertThat(state("pinned").state()).isEqualTo(State.FETCHING);
        arrive(all, "all");
        try (AdapterLease pinned = store.lease(found("pinned").version(), "t").join()) {
            assertThat(pinned.adapter().digest()).isEqualTo(all);
        }
    }

    @Test
    @DisplayName("A record replaces a folder of the settings when its version is in memory, and a tombstone hides both")
    void settings() {
        put("own", stored(qv));
        fetched.remove(qv).completeExceptionally(new SourceException(Failure.WRONG_DIGEST, "other files"));
        assertThat(state("own").reason()).contains(Failure.WRONG_DIGEST.label());
        put("own", stored(all));
        assertThat(found("own").recordOffset()).isEqualTo(OptionalLong.empty());
        assertThat(isDelayed("own")).isFalse();
        arrive(all, "all");
        Awaitility.await().until(() -> found("own").recordOffset().equals(OptionalLong.of(2)));
        catalog.remove("own");
        assertThat(resolve("own")).isInstanceOf(Resolution.Unknown.class);
        assertThat(catalog.names()).isEmpty();
        assertThat(catalog.isKnown("own")).isFalse();
    }

    @Test
    @DisplayName("An alias gives each id one of its adapters, with the offsets of both records; its targets may not be"
            + " aliases, and batches may not name it")
    void aliases() {
        put("a", stored(qv));
        arrive(qv, "qv");
        put("both", "{\"targets\": [{\"adapter\": \"a\", \"weight\": 1}, {\"adapter\": \"own\", \"weight\": 1}]}");
        ChosenAdapter chosen = found("both", "r1", Optional.empty());
        assertThat(chosen.alias()).contains("both");
        assertThat(chosen.aliasOffset()).hasValue(2);
        assertThat(found("both", "r1", Optional.of("u")).id()).isEqualTo(chosen.id());
        put(
                "sticky",
                "{\"targets\": [{\"adapter\": \"a\", \"weight\": 1}, {\"adapter\": \"own\", \"weight\": 1}],"
                        + " \"sticky\": \"user\"}");
        String ofUser = found("sticky", "r0", Optional.of("u")).id();
        for (int i = 1; i < 20; i++) {
            assertThat(found("sticky", "r" + i, Optional.of("u")).id()).isEqualTo(ofUser);
            assertThat(found("sticky", "r" + i, Optional.of("")).id())
                    .isEqualTo(found("sticky", "r" + i, Optional.empty()).id());
        }
        put("chain", "{\"targets\": [{\"adapter\": \"both\", \"weight\": 1}]}");
        assertThat(resolve("chain")).isEqualTo(new Resolution.UnknownTarget("both"));
        assertThat(catalog.resolveAdapter("both")).isInstanceOf(Resolution.Unknown.class);
        catalog.remove("both");
        assertThat(resolve("both")).isInstanceOf(Resolution.Unknown.class);
    }

    @Test
    @DisplayName("Of the records from before the start only the last ones are fetched, and hide folders at once; a"
            + " tombstone among them hides none")
    void recordsBeforeTheStart() {
        catalog = newCatalog(true);
        put("a", stored(qv));
        put("a", stored(all));
        put("removed", stored(qv));
        catalog.remove("removed");
        put("own", stored(qv));
        assertThat(state("own").state()).isEqualTo(State.WAITING);
        catalog.remove("own");
        assertThat(fetched).isEmpty();
        catalog.begin();
        assertThat(fetched).containsOnlyKeys(all);
        assertThat(found("own").recordOffset()).isEmpty();
    }

    @Test
    @DisplayName("A folder that a tombstone or an alias from before the start has hidden stays in memory after a load")
    void folderAfterTombstone() {
        catalog = newCatalog(true);
        catalog.remove("own");
        put("own", "{\"targets\": [{\"adapter\": \"a\", \"weight\": 1}]}");
        catalog.remove("own");
        catalog.begin();
        catalog.lease(found("own").version(), "t").join().close();
        assertThat(store.hasMemory(found("own").version())).isTrue();
    }

    @Test
    @DisplayName("A version that can't be loaded replaces nothing")
    void brokenReplacement() {
        put("a", stored(qv));
        arrive(qv, "qv");
        put("a", stored(all));
        // its header is valid, and its digest is found by a load
        arrive(all, "qv");
        Awaitility.await().until(() -> state("a").reason().isPresent());
        assertThat(state("a").reason()).contains("invalid_adapter");
        assertThat(found("a").recordOffset()).hasValue(1);
        try (AdapterLease lease = store.lease(found("a").version(), "t").join()) {
            assertThat(lease.adapter().digest()).isEqualTo(qv);
        }
    }

    @Test
    @DisplayName("A replaced version whose files are fetched is fetched no more")
    void fetchCancelled() {
        List<CompletableFuture<AdapterLocation.Folder>> holds = new ArrayList<>();
        catalog = new AdapterCatalog(
                store,
                fixture.model().digest(),
                (source, digest) -> () -> {
                    holds.add(new CompletableFuture<>());
                    return holds.get(holds.size() - 1);
                },
                true,
                LIMIT,
                time);
        catalog.begin();
        put("a", stored(qv));
        put("a", stored(all));
        assertThat(holds.get(0)).isCancelled();
        assertThat(state("a").reason()).isEmpty();
        catalog.remove("a");
        assertThat(holds.get(1)).isCancelled();
    }

    @Test
    @DisplayName("Requests for a served version whose files were removed are delayed, then late, until they are back")
    void filesLost() {
        put("a", stored(qv));
        arrive(qv, "qv");
        RegisteredAdapter version = found("a").version();
        fetched.remove(qv);
        CompletableFuture<AdapterLease> waiting = catalog.lease(version, "t");
        assertThat(isDelayed("a")).isTrue();
        time.sleep(LIMIT.plusSeconds(1));
        assertThat(isDelayed("a")).isFalse();
        assertThat(resolve("a")).isInstanceOf(Resolution.Late.class);
        fetched.remove(qv).completeExceptionally(new SourceException(Failure.UNREACHABLE, "the store is down"));
        assertThat(waiting).isCompletedExceptionally();
        assertThat(state("a").reason()).contains(Failure.UNREACHABLE.label());
        assertThat(resolve("a")).isInstanceOf(Resolution.Late.class);
        // a request that ends says nothing about the version
        catalog.lease(version, "t").cancel(false);
        assertThat(state("a").reason()).contains(Failure.UNREACHABLE.label());
        time.sleep(Duration.ofSeconds(31));
        catalog.tick();
        arrive(qv, "qv");
        catalog.lease(found("a").version(), "t").join().close();
        Awaitility.await().until(() -> state("a").reason().isEmpty());
    }

    @Test
    @DisplayName("A pinned version that is removed while it loads leaves the memory")
    void removedDuringLoad() {
        put("a", stored(qv).replace("}", ", \"options\": {\"pinned\": true}}"));
        RegisteredAdapter version = found("a").version();
        arrive(qv, "qv");
        catalog.remove("a");
        Awaitility.await()
                .until(() -> store.stats().loads() == 1 && store.stats().residentBytes() == 0);
        assertThat(store.hasMemory(version)).isFalse();
    }

    @Test
    @DisplayName("Of an alias only the requests for a target whose files have not come are delayed")
    void aliasDelays() {
        put("a", stored(qv));
        put("both", "{\"targets\": [{\"adapter\": \"a\", \"weight\": 1}, {\"adapter\": \"own\", \"weight\": 1}]}");
        for (int i = 0; i < 20; i++) {
            String id = "r" + i;
            assertThat(catalog.awaitsFiles("both", id, Optional.empty()))
                    .isEqualTo(found("both", id, Optional.empty()).id().equals("a"));
        }
    }

    @Test
    @DisplayName("A request for an alias fetches the files of no other target")
    void aliasFetchesOne() {
        catalog = newCatalog(false);
        catalog.begin();
        put("a", stored(qv));
        put("both", "{\"targets\": [{\"adapter\": \"a\", \"weight\": 0}, {\"adapter\": \"own\", \"weight\": 1}]}");
        assertThat(isDelayed("both")).isFalse();
        assertThat(fetched).isEmpty();
        assertThat(isDelayed("a")).isTrue();
        assertThat(fetched).containsOnlyKeys(qv);
    }

    private boolean isDelayed(String name) {
        return catalog.awaitsFiles(name, "r", Optional.empty());
    }

    private void awaitOffset(String name, long recordOffset) {
        Awaitility.await().until(() -> found(name).recordOffset().equals(OptionalLong.of(recordOffset)));
    }

    private Adapter state(String name) {
        return catalog.states().stream()
                .filter(state -> state.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private Resolution resolve(String name) {
        return catalog.resolve(name, "r", Optional.empty());
    }

    private ChosenAdapter found(String name) {
        return found(name, "r", Optional.empty());
    }

    private ChosenAdapter found(String name, String id, Optional<String> user) {
        return ((Resolution.Found) catalog.resolve(name, id, user)).adapter();
    }

    private void put(String name, String value) {
        catalog.put(name, AdapterRecord.parse(value.getBytes(StandardCharsets.UTF_8)), ++offset, time.instant());
    }

    private String stored(String digest) {
        return "{\"source\": \"file:x\", \"digest\": \"%s\", \"base\": \"%s\"}"
                .formatted(digest, fixture.model().digest());
    }

    private void arrive(String digest, String adapter) {
        fetched.get(digest).complete(new AdapterLocation.Folder(folder(adapter), () -> released++));
    }

    private static Path folder(String adapter) {
        return Folders.adapter(FAMILY, adapter);
    }
}
