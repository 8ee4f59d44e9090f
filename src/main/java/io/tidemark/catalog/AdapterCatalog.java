package io.tidemark.catalog;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Alias;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.Parsed;
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
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * The names that requests use, and what each stands for.
 *
 * <p>The last valid record of a name for this base model is in force. Requests get the version before it until the
 * files of the new one are here and valid, so that a replacement delays no request. A name without such a version
 * delays its requests for at most a limit, and then fails them. A record that is invalid, is for another base model, or
 * names a source that is not allowed has no effect besides a state that says so.
 *
 * <p>A record replaces a folder of the settings at once, and a tombstone hides it until the process ends.
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
    private final Map<String, Entry> entries = new ConcurrentHashMap<>();

    /** The records that were written since the start and that have no result yet, by name. */
    private final Map<String, Unanswered> unanswered = new ConcurrentHashMap<>();

    private final Instant started;

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

        /** The files of the version are not here in time. */
        record Late() implements Resolution {}
    }

    /** What requests get. */
    private sealed interface InForce {

        record Version(RegisteredAdapter adapter, OptionalLong offset) implements InForce {}

        record Targets(Alias alias, long offset) implements InForce {}
    }

    /** What happens to the files of a version. */
    private enum Files {
        /** The first request fetches them. */
        WAIT,
        FETCHED,
        /** They could not be had, and are fetched again later. */
        FAILED
    }

    /**
     * A version whose files are not here yet.
     *
     * @param since when the state of its files began
     */
    private record Next(RegisteredAdapter version, long offset, Files files, long since) {}

    /**
     * Why a record has no effect, or not yet.
     *
     * @param offset of the record
     */
    private record Problem(String reason, String message, long offset) {}

    private record Entry(Optional<InForce> inForce, Optional<Next> next, Optional<Problem> problem) {

        /** A folder of the settings that a tombstone hides. */
        private static final Entry HIDDEN = new Entry(Optional.empty(), Optional.empty(), Optional.empty());

        private static Entry of(InForce inForce) {
            return new Entry(Optional.of(inForce), Optional.empty(), Optional.empty());
        }

        /** A record has no effect; what requests get stays, and so does a version whose files are fetched. */
        private Entry with(Problem reported) {
            return new Entry(inForce, next, Optional.of(reported));
        }

        private Entry with(Next later) {
            return new Entry(inForce, Optional.of(later), problemAfter(later.offset));
        }

        /** Requests get the version whose files were fetched. */
        private Entry served(Next here) {
            return new Entry(
                    Optional.of(new InForce.Version(here.version, OptionalLong.of(here.offset))),
                    Optional.empty(),
                    problemAfter(here.offset));
        }

        /** The files of the next version failed; a problem of a later record stays. */
        private Entry failed(Problem reported, Optional<Next> retry) {
            return new Entry(inForce, retry, problemAfter(reported.offset).or(() -> Optional.of(reported)));
        }

        private Optional<Problem> problemAfter(long offset) {
            return problem.filter(current -> current.offset > offset);
        }

        private Optional<InForce.Version> version() {
            return inForce.filter(InForce.Version.class::isInstance).map(InForce.Version.class::cast);
        }
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
        this.started = time.instant();
        store.ids()
                .forEach(id -> entries.put(
                        id, Entry.of(new InForce.Version(store.registered(id).orElseThrow(), OptionalLong.empty()))));
    }

    /** A catalog of the folders that are registered in the store, for a process without records. */
    public static AdapterCatalog ofFolders(AdapterStore store) {
        return new AdapterCatalog(
                store,
                "",
                (source, digest) -> {
                    throw new UnsupportedOperationException("this process has no sources");
                },
                false,
                Duration.ZERO,
                Time.system());
    }

    /** What a request gets for a name. The first request for a version may begin to fetch its files. */
    public Resolution resolve(String name, String id, Optional<String> user) {
        Optional<Entry> entry = Optional.ofNullable(entries.get(name));
        Resolution adapter = resolveAdapter(name, entry);
        if (entry.flatMap(Entry::inForce).orElse(null) instanceof InForce.Targets targets) {
            String key = targets.alias.sticky().isPresent() ? user.orElse(id) : id;
            String target = WeightedRendezvous.choose(name, targets.alias.targets(), key);
            Resolution chosen = resolveAdapter(target, Optional.ofNullable(entries.get(target)));
            if (chosen instanceof Resolution.Found found) {
                return new Resolution.Found(found.adapter.through(name, targets.offset));
            }
            return chosen instanceof Resolution.Unknown ? new Resolution.UnknownTarget(target) : chosen;
        }
        return adapter;
    }

    private Resolution resolveAdapter(String name, Optional<Entry> found) {
        found.flatMap(Entry::next).filter(next -> next.files == Files.WAIT).ifPresent(next -> fetch(name, next));
        if (found.isEmpty()
                || found.get().inForce.filter(InForce.Targets.class::isInstance).isPresent()) {
            return new Resolution.Unknown();
        }
        Entry entry = found.get();
        if (entry.version().isPresent()) {
            InForce.Version version = entry.version().get();
            return new Resolution.Found(ChosenAdapter.named(version.adapter, version.offset));
        }
        if (entry.next.isPresent() && entry.next.get().files != Files.FAILED) {
            Next next = entry.next.get();
            return isLate(next)
                    ? new Resolution.Late()
                    : new Resolution.Found(ChosenAdapter.named(next.version, OptionalLong.of(next.offset)));
        }
        return entry.problem.isPresent() ? new Resolution.Unusable() : new Resolution.Unknown();
    }

    private boolean isLate(Next next) {
        return next.files == Files.FETCHED && time.nanosSince(next.since) > limit.toNanos();
    }

    /**
     * Whether a request for a name should not start yet, because the files of its version are being fetched and are not
     * late. Requests for an alias are delayed if those of all its targets are.
     */
    public boolean isDelayed(String name) {
        Optional<Entry> entry = Optional.ofNullable(entries.get(name));
        if (entry.flatMap(Entry::inForce).orElse(null) instanceof InForce.Targets targets) {
            return targets.alias.targets().stream().allMatch(target -> isFetching(target.adapter()));
        }
        return isFetching(name);
    }

    private boolean isFetching(String name) {
        return Optional.ofNullable(entries.get(name))
                .filter(entry -> entry.inForce.isEmpty())
                .flatMap(Entry::next)
                .filter(next -> next.files == Files.FETCHED && !isLate(next))
                .isPresent();
    }

    /** The adapter of a name that is no alias, for validation batches. */
    public Resolution resolveAdapter(String name) {
        return resolveAdapter(name, Optional.ofNullable(entries.get(name)));
    }

    /** Leases a version for a tenant, see {@link AdapterStore#lease(RegisteredAdapter, String)}. */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter version, String tenant) {
        return store.lease(version, tenant);
    }

    /** Leases a version for the process itself. */
    public CompletableFuture<AdapterLease> lease(RegisteredAdapter version) {
        return store.lease(version);
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
        Entry entry = entries.get(name);
        return entry != null && entry != Entry.HIDDEN;
    }

    /** The names of adapters and aliases. */
    public SortedSet<String> names() {
        SortedSet<String> names = new TreeSet<>();
        entries.forEach((name, entry) -> {
            if (entry != Entry.HIDDEN) {
                names.add(name);
            }
        });
        return Collections.unmodifiableSortedSet(names);
    }

    /** The digest that the next request for an adapter gets; empty for an alias and before a folder is loaded. */
    public Optional<String> digest(String name) {
        return Optional.ofNullable(entries.get(name))
                .flatMap(Entry::version)
                .flatMap(version -> store.digest(version.adapter));
    }

    /** Applies a tombstone. */
    public synchronized void remove(String name) {
        unanswered.remove(name);
        Optional<Entry> removed = Optional.ofNullable(entries.get(name));
        if (store.isRegistered(name)) {
            entries.put(name, Entry.HIDDEN);
        } else {
            entries.remove(name);
        }
        removed.ifPresent(this::retire);
    }

    /**
     * Applies the value of a record.
     *
     * @param written when the record was written
     */
    public synchronized void put(String name, Parsed<AdapterRecord> value, long offset, Instant written) {
        if (written.isBefore(started)) {
            unanswered.remove(name);
        } else {
            unanswered.put(name, new Unanswered(offset, written));
        }
        Entry entry = Optional.ofNullable(entries.get(name)).orElse(Entry.HIDDEN);
        if (value instanceof Parsed.Invalid<AdapterRecord> invalid) {
            report(name, entry, "invalid_record", invalid.error().message(), offset);
        } else if (store.isReserved(name)) {
            report(name, entry, "invalid_record", "the name is empty or that of the base model", offset);
        } else if (((Parsed.Valid<AdapterRecord>) value).record() instanceof Alias alias) {
            retire(entry);
            entries.put(name, Entry.of(new InForce.Targets(alias, offset)));
        } else {
            put(name, entry, (Stored) ((Parsed.Valid<AdapterRecord>) value).record(), offset);
        }
    }

    private void put(String name, Entry entry, Stored record, long offset) {
        if (!record.base().equals(base)) {
            report(name, entry, "other_base", "the adapter is for the base model " + record.base(), offset);
            return;
        }
        AdapterLocation files;
        try {
            files = sources.files(record.source(), record.digest());
        } catch (SourceException e) {
            report(name, entry, e.failure().label(), e.getMessage(), offset);
            return;
        }
        boolean pinned = record.options().pinned();
        Optional<RegisteredAdapter> same = entry.version()
                .map(InForce.Version::adapter)
                .filter(version -> version.required().equals(Optional.of(record.digest())))
                .filter(version -> version.isPinned() == pinned);
        entry.next.ifPresent(next -> store.retire(next.version));
        if (same.isPresent()) {
            same.get().moved(files);
            entries.put(name, Entry.of(new InForce.Version(same.get(), OptionalLong.of(offset))));
            return;
        }
        boolean replacesFolder =
                entry.version().filter(version -> version.offset.isEmpty()).isPresent();
        Entry kept = replacesFolder ? Entry.HIDDEN : entry;
        Next next = new Next(store.version(name, record.digest(), files, pinned), offset, Files.WAIT, time.nanoTime());
        entries.put(name, kept.with(next));
        if (onArrival || pinned) {
            fetch(name, next);
        }
    }

    private void report(String name, Entry entry, String reason, String message, long offset) {
        LogFields.adapter(name)
                .during(() -> LOG.warnf(
                        "the record of adapter '%s' at offset %d has no effect: %s: %s",
                        LogText.of(name), offset, reason, LogText.of(message)));
        entries.put(name, entry.with(new Problem(reason, message, offset)));
    }

    /** Fetches the files of a version and checks them; requests get it then. */
    private void fetch(String name, Next next) {
        Next fetching = new Next(next.version, next.offset, Files.FETCHED, time.nanoTime());
        synchronized (this) {
            Entry entry = entries.get(name);
            if (!isNext(entry, next)) {
                return;
            }
            entries.put(name, entry.with(fetching));
        }
        CompletableFuture<AdapterLocation.Folder> folder = store.files(fetching.version);
        folder.thenAccept(held -> check(name, fetching, held)).exceptionally(failure -> {
            failed(name, fetching, failure instanceof CompletionException ? failure.getCause() : failure);
            return null;
        });
    }

    private void check(String name, Next next, AdapterLocation.Folder held) {
        try {
            store.check(next.version, held.path());
        } finally {
            held.release().run();
        }
        synchronized (this) {
            Entry entry = entries.get(name);
            if (!isNext(entry, next)) {
                return;
            }
            entries.put(name, entry.served(next));
            entry.version().map(InForce.Version::adapter).ifPresent(store::retire);
        }
        LOG.infof(
                "adapter '%s' is served from the record at offset %d (digest %s)",
                LogText.of(name),
                next.offset,
                next.version.required().orElseThrow().substring(0, 12));
        if (next.version.isPinned()) {
            store.lease(next.version).thenAccept(AdapterLease::close);
        }
    }

    private static boolean isNext(Entry entry, Next next) {
        return entry != null && entry.next.filter(current -> current == next).isPresent();
    }

    private synchronized void failed(String name, Next next, Throwable failure) {
        Entry entry = entries.get(name);
        if (!isNext(entry, next)) {
            return;
        }
        boolean temporary = failure instanceof SourceException source && source.isTemporary();
        String reason = failure instanceof SourceException source
                ? source.failure().label()
                : failure instanceof InvalidAdapterException ? "invalid_adapter" : "internal_error";
        LogFields.adapter(name)
                .during(() -> LOG.warnf(
                        failure instanceof SourceException || failure instanceof InvalidAdapterException
                                ? null
                                : failure,
                        "adapter '%s' of the record at offset %d is not served: %s: %s",
                        LogText.of(name),
                        next.offset,
                        reason,
                        LogText.of(String.valueOf(failure.getMessage()))));
        Optional<Next> retry = temporary
                ? Optional.of(new Next(next.version, next.offset, Files.FAILED, time.nanoTime()))
                : Optional.empty();
        entries.put(name, entry.failed(new Problem(reason, String.valueOf(failure.getMessage()), next.offset), retry));
    }

    /** Fetches files again whose source failed temporarily. Called about once a second. */
    public void tick() {
        entries.forEach((name, entry) -> entry.next
                .filter(next -> next.files == Files.FAILED && time.nanosSince(next.since) > RETRY.toNanos())
                .ifPresent(next -> fetch(name, next)));
    }

    private void retire(Entry entry) {
        entry.version().map(InForce.Version::adapter).ifPresent(store::retire);
        entry.next.map(Next::version).ifPresent(store::retire);
    }

    /** The state of each name. */
    public List<NameState> states() {
        Map<String, NameState> states = new TreeMap<>();
        entries.forEach((name, entry) -> {
            if (entry != Entry.HIDDEN) {
                states.put(name, state(name, entry));
            }
        });
        return List.copyOf(states.values());
    }

    private NameState state(String name, Entry entry) {
        Optional<InForce.Version> version = entry.version();
        OptionalLong offset = entry.inForce.orElse(null) instanceof InForce.Targets targets
                ? OptionalLong.of(targets.offset)
                : version.map(InForce.Version::offset).orElse(OptionalLong.empty());
        return new NameState(
                name,
                stateOf(entry),
                version.flatMap(current -> store.digest(current.adapter)),
                offset,
                entry.next.flatMap(next -> next.version.required()),
                entry.problem.map(Problem::reason),
                entry.problem.map(problem -> shortened(problem.message)));
    }

    private static String shortened(String message) {
        return message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE - 1) + "…";
    }

    private State stateOf(Entry entry) {
        if (entry.inForce.orElse(null) instanceof InForce.Targets) {
            return State.ALIAS;
        }
        Optional<InForce.Version> version = entry.version();
        if (version.isPresent()) {
            return store.hasMemory(version.get().adapter) ? State.LOADED : State.READY;
        }
        return entry.next
                .map(next -> switch (next.files) {
                    case WAIT -> State.WAITING;
                    case FETCHED -> State.FETCHING;
                    case FAILED -> State.FAILED;
                })
                .orElse(State.FAILED);
    }
}
