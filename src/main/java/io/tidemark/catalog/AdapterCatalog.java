package io.tidemark.catalog;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.catalog.NameVersions.InForce;
import io.tidemark.catalog.NameVersions.Next;
import io.tidemark.catalog.NameVersions.Problem;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Alias;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.Parsed;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import io.tidemark.text.LogFields;
import io.tidemark.text.LogText;
import io.tidemark.time.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * The names that requests use, and what each stands for.
 *
 * <p>The last valid record of a name for this base model is in force. Requests get the version before it until the new
 * one is in memory, so that a replacement delays no request and a version that can't be loaded replaces nothing. A name
 * without such a version delays its requests for at most a limit, and then fails them. A record that is invalid, is for
 * another base model, or names a source that is not allowed has no effect besides a state that says so.
 *
 * <p>A tombstone hides a folder of the settings until the process ends. Of the records that were written before {@link
 * #begin}, only the last valid one of a name is fetched. It hides the folder from the start: requests may have got its
 * version before.
 *
 * <p>Records are applied by one thread at a time. The other methods may be called from any thread, and none waits for
 * files. Files are fetched by the threads of the sources.
 */
public final class AdapterCatalog {

    private static final Logger LOG = Logger.getLogger(AdapterCatalog.class);

    /** How long after a temporary failure the files of a version are fetched again. */
    private static final Duration RETRY = Duration.ofSeconds(30);

    /** The most characters of a message in a state. */
    private static final int MAX_MESSAGE = 300;

    private final AdapterStore store;
    private final String base;
    private final Sources sources;
    private final boolean onArrival;
    private final Duration limit;
    private final Time time;

    /** What each name stands for. An entry is replaced under the lock of the catalog, and read without it. */
    private final Map<String, NameVersions> entries = new ConcurrentHashMap<>();

    /** The records that were written since the start and that have no result yet, by name. */
    private final Map<String, Unanswered> unanswered = new ConcurrentHashMap<>();

    /** Whether the records from before the start were applied. */
    private boolean begun;

    private record Unanswered(long offset, Instant written) {}

    /** Gives the files of the sources that records name. */
    @FunctionalInterface
    public interface Sources {

        /**
         * The files of a version, which are not read yet.
         *
         * @throws SourceException if the source is malformed or not allowed
         */
        AdapterLocation files(String source, String digest);
    }

    /** What a name stands for in a request. */
    public sealed interface Resolution {

        /** A version of an adapter. */
        record Found(ChosenAdapter adapter) implements Resolution {}

        /** The name stands for nothing. */
        record Unknown() implements Resolution {}

        /** @param target the target of an alias that stands for nothing */
        record UnknownTarget(String target) implements Resolution {}

        /** The version of the name can't be had. */
        record Unusable() implements Resolution {}

        /** The files of the version did not arrive in time. */
        record Late() implements Resolution {}
    }

    /**
     * A catalog of the folders that are registered in the store.
     *
     * @param base      the digest of the base model's files
     * @param onArrival whether files are fetched when a record is read, otherwise with the first request
     * @param limit     how long requests wait for the files of a version
     */
    public AdapterCatalog(
            AdapterStore store, String base, Sources sources, boolean onArrival, Duration limit, Time time) {
        this.store = store;
        this.base = base;
        this.sources = sources;
        this.onArrival = onArrival;
        this.limit = limit;
        this.time = time;
        store.ids().forEach(id -> entries.put(id, folder(id)));
    }

    private NameVersions folder(String id) {
        return NameVersions.of(
                new InForce.Version(store.registered(id).orElseThrow(), OptionalLong.empty(), Optional.empty()));
    }

    /** What a request gets for a name. The first request for a version may begin to fetch its files. */
    public Resolution resolve(String name, String id, Optional<String> user) {
        Optional<NameVersions> entry = Optional.ofNullable(entries.get(name));
        Resolution adapter = resolveAdapter(name, entry);
        Optional<InForce.Targets> targets = entry.flatMap(NameVersions::targets);
        if (targets.isEmpty()) {
            return adapter;
        }
        String target = chosen(name, targets.get().alias(), id, user);
        Resolution chosen = resolveAdapter(target);
        if (chosen instanceof Resolution.Found found) {
            return new Resolution.Found(
                    found.adapter.through(name, targets.get().offset()));
        }
        return chosen instanceof Resolution.Unknown ? new Resolution.UnknownTarget(target) : chosen;
    }

    private Resolution resolveAdapter(String name, Optional<NameVersions> found) {
        found.ifPresent(entry -> fetchIfWaiting(name, entry));
        if (found.isEmpty() || found.get().targets().isPresent()) {
            return new Resolution.Unknown();
        }
        NameVersions entry = found.get();
        if (entry.version().isPresent()) {
            InForce.Version version = entry.version().get();
            return isLate(version)
                    ? new Resolution.Late()
                    : new Resolution.Found(ChosenAdapter.named(version.adapter(), version.offset()));
        }
        if (entry.next().isPresent()) {
            Next next = entry.next().get();
            return next.failed().isPresent() || next.files().isLate(limit)
                    ? new Resolution.Late()
                    : new Resolution.Found(ChosenAdapter.named(next.version(), OptionalLong.of(next.offset())));
        }
        return entry.problem().isPresent() ? new Resolution.Unusable() : new Resolution.Unknown();
    }

    private void fetchIfWaiting(String name, NameVersions entry) {
        entry.next().filter(next -> next.fetch().isEmpty()).ifPresent(next -> fetch(name, next));
    }

    private boolean isLate(InForce.Version version) {
        return version.files().filter(files -> files.isLate(limit)).isPresent() && !store.hasMemory(version.adapter());
    }

    /**
     * Whether a request for a name should not start yet, because the files of its version have not come and are not
     * late. Begins to fetch them.
     */
    public boolean awaitsFiles(String name, String id, Optional<String> user) {
        boolean awaits = fetchesAndAwaits(name);
        Optional<Alias> alias = Optional.ofNullable(entries.get(name))
                .flatMap(NameVersions::targets)
                .map(InForce.Targets::alias);
        if (alias.isEmpty()) {
            return awaits;
        }
        // the choice takes longer than these look-ups
        return alias.get().targets().stream().anyMatch(target -> isAwaited(target.adapter()))
                && fetchesAndAwaits(chosen(name, alias.get(), id, user));
    }

    private boolean fetchesAndAwaits(String name) {
        NameVersions entry = entries.get(name);
        if (entry != null) {
            fetchIfWaiting(name, entry);
        }
        return isAwaited(name);
    }

    /** Whether files are fetched for the next request of a name, or will be with it, and are not late. */
    private boolean isAwaited(String name) {
        NameVersions entry = entries.get(name);
        if (entry == null || entry.targets().isPresent()) {
            return false;
        }
        if (entry.version().isPresent()) {
            InForce.Version version = entry.version().get();
            return version.files().filter(files -> files.isAwaited(limit)).isPresent()
                    && !store.hasMemory(version.adapter());
        }
        return entry.next()
                .filter(next -> next.failed().isEmpty()
                        && (next.fetch().isEmpty() || next.files().isAwaited(limit)))
                .isPresent();
    }

    private static String chosen(String name, Alias alias, String id, Optional<String> user) {
        return WeightedRendezvous.choose(
                name,
                alias.targets(),
                alias.sticky()
                        .flatMap(field -> user)
                        .filter(value -> !value.isEmpty())
                        .orElse(id));
    }

    /** The adapter of a name that is no alias, for validation batches. */
    public Resolution resolveAdapter(String name) {
        return resolveAdapter(name, Optional.ofNullable(entries.get(name)));
    }

    /** Leases a version for a tenant, see {@link AdapterStore#lease(RegisteredAdapter, String)}. */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter version, String tenant) {
        CompletableFuture<AdapterLease> lease = store.lease(version, tenant);
        lease.whenComplete((loaded, failure) -> reportLease(version, failure));
        return lease;
    }

    /** Leases a version for the process itself. */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter version) {
        CompletableFuture<AdapterLease> lease = store.lease(version);
        lease.whenComplete((loaded, failure) -> reportLease(version, failure));
        return lease;
    }

    /** Shows why a version in force can't be leased, until it can. */
    private void reportLease(RegisteredAdapter version, Throwable failure) {
        if (failure instanceof CancellationException) {
            return; // the request ended, which says nothing about the version
        }
        NameVersions leased = entries.get(version.id());
        if (leased == null || failure == null && leased.problem().isEmpty()) {
            return;
        }
        synchronized (this) {
            NameVersions entry = entries.get(version.id());
            if (entry == null
                    || entry.version()
                            .filter(current -> current.adapter() == version
                                    && current.offset().isPresent())
                            .isEmpty()) {
                return;
            }
            long offset = entry.version().get().offset().getAsLong();
            entries.put(
                    version.id(), entry.leased(Optional.ofNullable(failure).map(reason -> Problem.of(reason, offset))));
        }
    }

    /**
     * The time from a record of an adapter to its first result, which is now; empty for a later result and for a record
     * from before the start.
     */
    public Optional<Duration> firstResult(String adapter, long recordOffset) {
        Unanswered record = unanswered.get(adapter);
        return record != null && record.offset == recordOffset && unanswered.remove(adapter, record)
                ? Optional.of(Duration.between(record.written, time.instant()))
                : Optional.empty();
    }

    /** Whether a name stands for an adapter or an alias, also for one that can't be used. */
    public boolean isKnown(String name) {
        NameVersions entry = entries.get(name);
        return entry != null && entry != NameVersions.NONE;
    }

    /** The names of adapters and aliases. */
    public SortedSet<String> names() {
        SortedSet<String> names = new TreeSet<>();
        entries.forEach((name, entry) -> {
            if (entry != NameVersions.NONE) {
                names.add(name);
            }
        });
        return Collections.unmodifiableSortedSet(names);
    }

    /** The digest that the next request for an adapter gets; empty for an alias and before a folder is loaded. */
    public Optional<String> digest(String name) {
        return Optional.ofNullable(entries.get(name))
                .flatMap(NameVersions::version)
                .flatMap(version -> store.digest(version.adapter()));
    }

    /** Fetches what the records from before the start name. Called when all of them were applied. */
    public synchronized void begin() {
        begun = true;
        entries.forEach((name, entry) -> entry.next()
                .filter(next -> onArrival || next.version().isPinned())
                .ifPresent(next -> fetch(name, next)));
    }

    /** Applies a tombstone. */
    public synchronized void remove(String name) {
        unanswered.remove(name);
        Optional<NameVersions> removed = Optional.ofNullable(entries.get(name));
        if (!store.isRegistered(name)) {
            entries.remove(name);
        } else {
            entries.put(name, begun ? NameVersions.NONE : folder(name));
        }
        removed.ifPresent(this::retire);
    }

    /**
     * Applies the value of a record.
     *
     * @param written when the record was written
     */
    public synchronized void put(String name, Parsed<AdapterRecord> value, long offset, Instant written) {
        if (begun) {
            unanswered.put(name, new Unanswered(offset, written));
        }
        NameVersions entry = Optional.ofNullable(entries.get(name)).orElse(NameVersions.NONE);
        if (value instanceof Parsed.Invalid<AdapterRecord> invalid) {
            rejectRecord(name, entry, "invalid_record", invalid.error().message(), offset);
        } else if (store.isReserved(name)) {
            rejectRecord(name, entry, "invalid_record", "the name is empty or that of the base model", offset);
        } else if (((Parsed.Valid<AdapterRecord>) value).record() instanceof Alias alias) {
            entries.put(name, NameVersions.of(new InForce.Targets(alias, offset)));
            retire(entry);
        } else {
            put(name, entry, (Stored) ((Parsed.Valid<AdapterRecord>) value).record(), offset);
        }
    }

    private void put(String name, NameVersions entry, Stored record, long offset) {
        if (!record.base().equals(base)) {
            rejectRecord(name, entry, "other_base", "the adapter is for the base model " + record.base(), offset);
            return;
        }
        AwaitedFiles files;
        try {
            files = new AwaitedFiles(sources.files(record.source(), record.digest()), time);
        } catch (SourceException e) {
            rejectRecord(name, entry, e.failure().label(), e.getMessage(), offset);
            return;
        }
        boolean pinned = record.options().pinned();
        Optional<RegisteredAdapter> same = entry.version()
                .map(InForce.Version::adapter)
                .filter(version -> version.required().equals(Optional.of(record.digest())))
                .filter(version -> version.isPinned() == pinned);
        if (same.isPresent()) {
            same.get().moved(files);
            entries.put(
                    name,
                    NameVersions.of(new InForce.Version(same.get(), OptionalLong.of(offset), Optional.of(files))));
            entry.next().ifPresent(this::retire);
            return;
        }
        Next next = new Next(store.version(name, record.digest(), files, pinned), offset, files);
        entries.put(name, (begun || !entry.isFolder() ? entry : NameVersions.NONE).replacedBy(next));
        entry.next().ifPresent(this::retire);
        if (begun && (onArrival || pinned)) {
            fetch(name, next);
        }
    }

    private void rejectRecord(String name, NameVersions entry, String reason, String message, long offset) {
        LogFields.adapter(name)
                .during(() -> LOG.warnf(
                        "the record of adapter '%s' at offset %d has no effect: %s: %s",
                        LogText.of(name), offset, reason, LogText.of(message)));
        entries.put(name, entry.with(new Problem(reason, message, offset)));
    }

    /** Fetches the files of a version and checks them; requests get it then. */
    private void fetch(String name, Next next) {
        Next fetched;
        synchronized (this) {
            NameVersions entry = entries.get(name);
            if (!isNext(entry, next)) {
                return;
            }
            fetched = next.fetched(store.files(next.version()));
            entries.put(name, entry.with(fetched));
        }
        fetched.fetch()
                .orElseThrow()
                .thenAccept(held -> check(name, fetched, held))
                .exceptionally(failure -> {
                    failed(name, fetched, failure);
                    return null;
                });
    }

    /**
     * Checks the files of a version. One that replaces another is loaded before requests get it: only a load finds, for
     * instance, values that are not finite.
     */
    private void check(String name, Next next, AdapterLocation.Folder held) {
        try {
            store.check(next.version(), held.path());
        } finally {
            held.release().run();
        }
        boolean replaces = Optional.ofNullable(entries.get(name))
                .flatMap(NameVersions::inForce)
                .isPresent();
        if (!replaces && !next.version().isPinned()) {
            serve(name, next);
            return;
        }
        store.lease(next.version()).whenComplete((lease, failure) -> {
            if (failure == null) {
                serve(name, next);
                lease.close();
            } else {
                failed(name, next, failure);
            }
        });
    }

    private void serve(String name, Next next) {
        synchronized (this) {
            NameVersions entry = entries.get(name);
            if (!isNext(entry, next)) {
                return;
            }
            entries.put(name, entry.served(next));
            entry.version().map(InForce.Version::adapter).ifPresent(store::retire);
        }
        LOG.infof(
                "adapter '%s' is served from the record at offset %d (digest %s)",
                LogText.of(name),
                next.offset(),
                next.version().required().orElseThrow().substring(0, 12));
    }

    private static boolean isNext(NameVersions entry, Next next) {
        return entry != null && entry.isNext(next);
    }

    private synchronized void failed(String name, Next next, Throwable failure) {
        NameVersions entry = entries.get(name);
        if (!isNext(entry, next)) {
            return;
        }
        Problem problem = Problem.of(failure, next.offset());
        LogFields.adapter(name)
                .during(() -> LOG.warnf(
                        problem.reason().equals(Problem.INTERNAL_ERROR) ? Problem.cause(failure) : null,
                        "adapter '%s' of the record at offset %d is not served: %s: %s",
                        LogText.of(name),
                        next.offset(),
                        problem.reason(),
                        LogText.of(problem.message())));
        Optional<Next> retried =
                Problem.isTemporary(failure) ? Optional.of(next.failedAt(time.nanoTime())) : Optional.empty();
        entries.put(name, entry.failed(problem, retried));
    }

    /** Fetches files again that could not be had. Called about once a second. */
    public void tick() {
        entries.forEach((name, entry) -> {
            entry.next()
                    .filter(next -> next.failed().isPresent()
                            && time.nanosSince(next.failed().getAsLong()) > RETRY.toNanos())
                    .ifPresent(next -> fetch(name, next));
            entry.version()
                    .filter(version ->
                            version.files().filter(files -> files.isDue(RETRY)).isPresent())
                    .ifPresent(version -> store.files(version.adapter())
                            .thenAccept(folder -> folder.release().run()));
        });
    }

    private void retire(Next next) {
        store.retire(next.version());
        next.fetch().ifPresent(fetch -> fetch.cancel(false));
    }

    private void retire(NameVersions entry) {
        // before the start, a later record may put a folder in force again
        if (begun || !entry.isFolder()) {
            entry.version().map(InForce.Version::adapter).ifPresent(store::retire);
        }
        entry.next().ifPresent(this::retire);
    }

    /** What this process has of each name, without boundaries. */
    public List<Adapter> states() {
        Map<String, Adapter> states = new TreeMap<>();
        entries.forEach((name, entry) -> {
            if (entry != NameVersions.NONE) {
                states.put(name, state(name, entry));
            }
        });
        return List.copyOf(states.values());
    }

    private Adapter state(String name, NameVersions entry) {
        Optional<InForce.Version> version = entry.version();
        return new Adapter(
                name,
                stateOf(entry),
                version.flatMap(current -> store.digest(current.adapter())),
                entry.targets().isPresent()
                        ? OptionalLong.of(entry.targets().get().offset())
                        : version.map(InForce.Version::offset).orElse(OptionalLong.empty()),
                entry.next().flatMap(next -> next.version().required()),
                OptionalInt.empty(),
                entry.problem().map(Problem::reason),
                entry.problem().map(problem -> shortened(problem.message())));
    }

    private static String shortened(String message) {
        return message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE - 1) + "…";
    }

    private State stateOf(NameVersions entry) {
        if (entry.targets().isPresent()) {
            return State.ALIAS;
        }
        Optional<InForce.Version> version = entry.version();
        if (version.isPresent()) {
            return store.hasMemory(version.get().adapter()) ? State.LOADED : State.READY;
        }
        return entry.next()
                .map(next -> next.failed().isPresent()
                        ? State.FAILED
                        : next.fetch().isPresent() ? State.FETCHING : State.WAITING)
                .orElse(State.FAILED);
    }
}
