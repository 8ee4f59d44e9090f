package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/**
 * Folders of adapters by source and digest. {@code file:} sources are served in place; all others are downloaded to a
 * cache folder, once for each digest, also in other processes of the machine.
 *
 * <p>An adapter goes through these steps, and {@link Transfer} has the callers that wait for it:
 *
 * <pre>
 * look in root or cache  →  take the lock of the download  →  download  →  move to the cache
 *        ↑                    taken: poll                        │
 *        └──────────── wait, after a temporary failure ──────────┘
 * </pre>
 *
 * The cache is looked up and verified on the threads {@code tidemark-folder-N}, and {@code file:} sources on
 * {@code tidemark-file-N}. Each bucket, owner or registry has threads {@code tidemark-download-N} of its own, and a
 * wait between attempts holds no thread, so that one that is slow or down delays no other. Futures complete on these
 * threads; whoever does more than little then continues on a thread of their own. Thread-safe. A process opens a cache
 * folder once.
 */
public final class AdapterFolders implements AutoCloseable {

    private static final Duration LOCK_POLL = Duration.ofMillis(200);
    private static final Duration WATCH = Duration.ofMillis(250);
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);
    private static final Duration IDLE = Duration.ofSeconds(30);
    private static final int FOLDER_THREADS = 2;
    /** A person waits for {@link #fetch}. */
    private static final int FETCH_ATTEMPTS = 3;

    private static final String DIGEST = "[0-9a-f]{64}";

    /** The waits between attempts: each is twice the one before. */
    record Repetition(Duration first, Duration longest) {

        Duration wait(int failures) {
            Duration doubled = first.multipliedBy(1L << Math.min(failures - 1, 20));
            return doubled.compareTo(longest) < 0 ? doubled : longest;
        }
    }

    private final SourceOptions options;
    private final Disk disk;
    private final Repetition repetition;
    private final AdapterFiles files = new AdapterFiles();
    private final RootFolder root;
    /** Empty if no source of a download is allowed. */
    private final Optional<CacheFolder> cache;

    private final Remotes remotes;
    private final ExecutorService looks = pool(FOLDER_THREADS, named("tidemark-folder"));
    private final ExecutorService fileLooks = pool(FOLDER_THREADS, named("tidemark-file"));
    private final ThreadFactory downloadThreads = named("tidemark-download");
    /** The threads of each bucket, owner or registry. */
    private final Map<String, ExecutorService> downloads = new ConcurrentHashMap<>();

    private final ScheduledExecutorService timer =
            Executors.newSingleThreadScheduledExecutor(named("tidemark-download-timer"));
    private final Map<Transfer.Key, Transfer> transfers = new HashMap<>();
    private final Set<Download> running = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    private final LongAdder downloaded = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final LongAdder downloadedBytes = new LongAdder();
    private final LongAdder downloadNanos = new LongAdder();

    /** @throws SourceException if the cache folder can't be created or used */
    public AdapterFolders(SourceOptions options) {
        this(options, Disk.system(), new Repetition(Duration.ofSeconds(1), Duration.ofSeconds(30)));
    }

    AdapterFolders(SourceOptions options, Disk disk, Repetition repetition) {
        this.options = options;
        this.disk = disk;
        this.repetition = repetition;
        this.root = new RootFolder(options.fileRoot(), options.adapterBytes(), files);
        this.remotes = new Remotes(options);
        try {
            this.cache = options.allowed().isEmpty()
                    ? Optional.empty()
                    : Optional.of(new CacheFolder(options.cacheFolder(), options.cacheBytes(), files));
        } catch (IOException e) {
            throw new SourceException(
                    Failure.UNREADABLE,
                    "tidemark.sources.cache-dir: the folder " + options.cacheFolder() + " can't be used (" + e
                            + "); create it, or give the process the right to write it",
                    e);
        }
    }

    /**
     * The folder of the adapter with a digest, from this source or from what the cache has. The future fails with a
     * {@link SourceException}: at once if a repetition would not help, otherwise after the time limit of a download.
     * The caller closes the folder. One who cancels the future gets no folder, and others who wait for it do.
     *
     * @param digest SHA-256 in hex over the bytes of the config, then of the weights file
     */
    public CompletableFuture<HeldFolder> hold(AdapterSource source, String digest) {
        if (!digest.matches(DIGEST)) {
            throw new IllegalArgumentException("a digest has 64 hexadecimal digits: '" + digest + "'");
        }
        return start(source, Optional.of(digest));
    }

    /**
     * The folder of the adapter that a source has now, whatever its digest. Blocks, and repeats temporary failures
     * twice.
     *
     * @throws SourceException if there is none
     */
    public HeldFolder fetch(AdapterSource source) {
        CompletableFuture<HeldFolder> future = start(source, Optional.empty());
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            future.cancel(false);
            throw new SourceException(Failure.CLOSED, "source '" + source + "': interrupted", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof SourceException failure) {
                throw failure;
            }
            throw new IllegalStateException("source '" + source + "' failed", e.getCause());
        }
    }

    /** @throws SourceException with {@link Failure#NOT_ALLOWED} if the settings do not allow the source */
    public void requireAllowed(AdapterSource source) {
        if (!options.allows(source)) {
            throw new SourceException(
                    Failure.NOT_ALLOWED,
                    "source '" + source + "' is not allowed; add its bucket, owner or registry to"
                            + " tidemark.sources.allowed, as in s3://bucket/folder");
        }
    }

    /** The numbers so far. Lists the cache folder. */
    public SourceStats stats() {
        List<Long> sizes = List.of();
        try {
            sizes = cache.isPresent() ? cache.get().sizes() : List.of();
        } catch (IOException e) {
            // a folder that can't be listed fails the next download, with a message
            sizes = List.of();
        }
        return new SourceStats(
                sizes.stream().mapToLong(Long::longValue).sum(),
                sizes.size(),
                downloaded.sum(),
                failed.sum(),
                running.size(),
                downloadedBytes.sum(),
                cache.map(CacheFolder::evictions).orElse(0L),
                downloadNanos.sum());
    }

    /**
     * Ends all downloads, whose futures fail; what has arrived stays for the next process. Folders that are held may be
     * evicted from now on.
     */
    @Override
    public void close() {
        List<Transfer> open;
        synchronized (transfers) {
            closed = true;
            open = List.copyOf(transfers.values());
        }
        open.forEach(this::endClosed);
        running.forEach(download -> download.abort(ended()));
        timer.shutdownNow();
        List<ExecutorService> pools = Stream.concat(Stream.of(looks, fileLooks), downloads.values().stream())
                .toList();
        pools.forEach(ExecutorService::shutdown);
        long end = System.nanoTime() + CLOSE_LIMIT.toNanos();
        try {
            for (ExecutorService pool : pools) {
                pool.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        remotes.close();
        try {
            if (cache.isPresent()) {
                cache.get().close();
            }
        } catch (IOException e) {
            throw new SourceException(Failure.UNREADABLE, "the lock file of the cache can't be closed: " + e, e);
        }
    }

    private CompletableFuture<HeldFolder> start(AdapterSource source, Optional<String> digest) {
        try {
            requireAllowed(source);
        } catch (SourceException e) {
            return CompletableFuture.failedFuture(e);
        }
        Transfer.Key key = Transfer.Key.of(source, digest);
        Transfer begun;
        CompletableFuture<HeldFolder> future;
        synchronized (transfers) {
            if (closed) {
                return CompletableFuture.failedFuture(ended());
            }
            Optional<CompletableFuture<HeldFolder>> joined =
                    Optional.ofNullable(transfers.get(key)).flatMap(transfer -> transfer.join(source));
            if (joined.isPresent()) {
                return joined.get();
            }
            begun = new Transfer(key);
            future = begun.join(source).orElseThrow();
            transfers.put(key, begun);
        }
        lookAt(begun);
        return future;
    }

    /** The first step: what needs no download. */
    private void look(Transfer transfer) throws IOException {
        Optional<AdapterSource> source = next(transfer);
        if (source.isEmpty()) {
            return;
        }
        if (source.get().scheme() == AdapterSource.Scheme.FILE) {
            try {
                serve(transfer, root.hold(source.get(), transfer.key().digest()));
            } catch (SourceException e) {
                transfer.leave(source.get()).forEach(caller -> caller.completeExceptionally(e));
                // someone may have joined meanwhile
                lookAt(transfer);
            }
            return;
        }
        Optional<HeldFolder> present = find(transfer);
        if (present.isPresent()) {
            serve(transfer, present.get());
        } else {
            run(downloads(source.get()), transfer, each -> download(each, source.get()));
        }
    }

    /** The second step: one attempt, if no other process makes one. */
    private void download(Transfer transfer, AdapterSource source) throws IOException {
        Optional<AdapterSource> turn = next(transfer);
        if (turn.isEmpty()) {
            return;
        }
        if (!turn.get().equals(source)) {
            lookAt(transfer);
            return;
        }
        Optional<PartialFolder> begun = cache().begin(transfer.key().text());
        if (begun.isEmpty()) {
            if (System.nanoTime() - transfer.deadline(source, options.downloadTime()) >= 0) {
                failedAttempt(transfer, source, locked(source));
            } else {
                later(transfer, LOCK_POLL);
            }
            return;
        }
        try (PartialFolder partial = begun.get()) {
            // who had the lock before may have moved the adapter to the cache
            Optional<HeldFolder> present = find(transfer);
            if (present.isPresent()) {
                serve(transfer, present.get());
            } else {
                attempt(transfer, source, partial);
            }
        }
    }

    private void attempt(Transfer transfer, AdapterSource source, PartialFolder partial) throws IOException {
        long deadline = transfer.deadline(source, options.downloadTime());
        long begin = System.nanoTime();
        HeldFolder folder;
        try {
            cache().makeRoom();
            Download download = new Download(
                    source,
                    remotes.of(source),
                    partial,
                    cache(),
                    disk,
                    new Download.Limits(options.adapterBytes(), deadline, options.downloadTime(), downloadedBytes));
            Download.Result result = watched(download, transfer, source);
            Optional<String> wanted = transfer.key().digest();
            if (wanted.isPresent() && !wanted.get().equals(result.digest())) {
                partial.discard();
                throw wrongDigest(source, wanted.get(), result);
            }
            folder = cache().keep(partial, result.digest());
        } catch (SourceException e) {
            downloadNanos.add(System.nanoTime() - begin);
            // a full disk needs the space, and what will not be downloaded again is of no use
            boolean full = Stream.concat(Stream.of(e), transfer.cause(source).stream())
                    .anyMatch(failure -> failure.failure() == Failure.DISK_FULL);
            if (!e.isTemporary() || full) {
                partial.discard();
            }
            failedAttempt(transfer, source, e);
            return;
        }
        downloadNanos.add(System.nanoTime() - begin);
        downloaded.increment();
        serve(transfer, folder);
        cache().makeRoom();
    }

    private Download.Result watched(Download download, Transfer transfer, AdapterSource source) {
        running.add(download);
        // close() may have aborted the others before
        if (closed) {
            download.abort(ended());
        }
        ScheduledFuture<?> watch = timer.scheduleWithFixedDelay(
                () -> {
                    download.watch();
                    if (closed || !transfer.hasCallers(source)) {
                        download.abort(ended());
                    }
                },
                0,
                WATCH.toMillis(),
                TimeUnit.MILLISECONDS);
        try {
            return download.run();
        } finally {
            watch.cancel(false);
            running.remove(download);
        }
    }

    /** Goes on with the next source, which is the same one later if there is no other. */
    private void failedAttempt(Transfer transfer, AdapterSource source, SourceException failure) {
        if (failure.failure() == Failure.CLOSED) {
            lookAt(transfer);
            return;
        }
        int failures = transfer.failed(source, failure);
        Duration wait = repetition.wait(failures);
        boolean late = System.nanoTime() + wait.toNanos() - transfer.deadline(source, options.downloadTime()) >= 0;
        boolean last = transfer.key().digest().isEmpty() && failures >= FETCH_ATTEMPTS;
        if (failure.isTemporary() && !late && !last) {
            int before = transfer.postpone(source);
            later(transfer, before == 0 ? Duration.ZERO : repetition.wait(before));
            return;
        }
        SourceException cause = transfer.cause(source).orElse(failure);
        List<CompletableFuture<HeldFolder>> callers = transfer.leave(source);
        if (!callers.isEmpty()) {
            failed.increment();
            callers.forEach(caller -> caller.completeExceptionally(cause));
        }
        lookAt(transfer);
    }

    private SourceException locked(AdapterSource source) {
        return new SourceException(
                Failure.TOO_SLOW,
                "source '" + source + "': another process has downloaded the adapter for "
                        + options.downloadTime().toSeconds() + " s and has not ended; check that process");
    }

    private static SourceException wrongDigest(AdapterSource source, String wanted, Download.Result result) {
        if (result.resumed()) {
            return new SourceException(
                    Failure.TRUNCATED,
                    "source '" + source + "': the part that an earlier download had left does not fit; it is removed");
        }
        return new SourceException(
                Failure.WRONG_DIGEST,
                "source '" + source + "' has the digest " + result.digest() + " instead of " + wanted
                        + "; its files were changed, or the record names another version");
    }

    private CacheFolder cache() {
        return cache.orElseThrow(() -> new IllegalStateException("no source of a download is allowed"));
    }

    private Optional<HeldFolder> find(Transfer transfer) throws IOException {
        Optional<String> digest = transfer.key().digest();
        return digest.isPresent() ? cache().find(digest.get()) : Optional.empty();
    }

    /** Gives each caller a hold of its own, and closes the first one. */
    private void serve(Transfer transfer, HeldFolder folder) {
        forget(transfer);
        Map<CompletableFuture<HeldFolder>, HeldFolder> holds = new LinkedHashMap<>();
        try (folder) {
            for (CompletableFuture<HeldFolder> caller : transfer.end()) {
                try {
                    holds.put(caller, again(transfer, folder));
                } catch (IOException e) {
                    caller.completeExceptionally(Disk.failure(folder.digest(), e));
                }
            }
        }
        holds.forEach((caller, own) -> {
            if (!caller.complete(own)) {
                own.close();
            }
        });
    }

    private HeldFolder again(Transfer transfer, HeldFolder folder) throws IOException {
        return transfer.key().isFile()
                ? new HeldFolder(folder.path(), folder.digest(), folder.bytes(), () -> {})
                : cache().find(folder.digest())
                        .orElseThrow(() -> new IOException(folder.path() + " has vanished while it was held"));
    }

    private Optional<AdapterSource> next(Transfer transfer) {
        Optional<AdapterSource> source = transfer.next();
        if (source.isEmpty()) {
            forget(transfer);
        }
        return source;
    }

    private void forget(Transfer transfer) {
        synchronized (transfers) {
            transfers.remove(transfer.key(), transfer);
        }
    }

    private void later(Transfer transfer, Duration wait) {
        try {
            timer.schedule(() -> lookAt(transfer), wait.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            endClosed(transfer);
        }
    }

    /** A folder of files may hang, as one of a network does, and delays only its own kind. */
    private void lookAt(Transfer transfer) {
        run(transfer.key().isFile() ? fileLooks : looks, transfer, this::look);
    }

    private ExecutorService downloads(AdapterSource source) {
        return downloads.computeIfAbsent(
                source.scheme() + " " + source.host(), host -> pool(options.downloads(), downloadThreads));
    }

    /** A step of a transfer. */
    @FunctionalInterface
    private interface Step {
        void run(Transfer transfer) throws IOException;
    }

    private void run(ExecutorService executor, Transfer transfer, Step step) {
        try {
            executor.execute(() -> {
                try {
                    step.run(transfer);
                } catch (IOException e) {
                    transfer.source().ifPresent(source -> failedAttempt(transfer, source, Disk.failure(source, e)));
                } catch (RuntimeException | Error e) {
                    // no caller may wait for a thread that has failed
                    end(transfer, e);
                }
            });
        } catch (RejectedExecutionException e) {
            endClosed(transfer);
        }
    }

    private void endClosed(Transfer transfer) {
        end(transfer, ended());
    }

    private void end(Transfer transfer, Throwable cause) {
        forget(transfer);
        transfer.end().forEach(caller -> caller.completeExceptionally(cause));
    }

    private static SourceException ended() {
        return new SourceException(
                Failure.CLOSED, "the process is closing, or all requests for the adapter were cancelled");
    }

    /** Threads that end when they have nothing to do. */
    private static ExecutorService pool(int threads, ThreadFactory factory) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                threads, threads, IDLE.toMillis(), TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), factory);
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    private static ThreadFactory named(String name) {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }
}
