package io.tidemark.catalog;

import io.tidemark.adapter.AdapterLoadTimeoutException;
import io.tidemark.adapter.AdapterLocation;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.adapter.source.SourceException;
import io.tidemark.message.AdapterRecord.Alias;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * What a name stands for: what requests get now, the version that takes its place when it can be served, and why the
 * last record has no effect.
 */
record NameVersions(Optional<InForce> inForce, Optional<Next> next, Optional<Problem> problem) {

    /** A name that stands for nothing, such as a folder of the settings that a tombstone hides. */
    static final NameVersions NONE = new NameVersions(Optional.empty(), Optional.empty(), Optional.empty());

    /** What requests get. */
    sealed interface InForce {

        /** @param files empty for a folder of the settings */
        record Version(RegisteredAdapter adapter, OptionalLong offset, Optional<AwaitedFiles> files)
                implements InForce {}

        record Targets(Alias alias, long offset) implements InForce {}
    }

    /**
     * A version that is not in force yet.
     *
     * @param fetch  its files, once they are fetched; cancelled when another record takes its place
     * @param failed when they could not be had; they are fetched again later
     */
    record Next(
            RegisteredAdapter version,
            long offset,
            AwaitedFiles files,
            Optional<CompletableFuture<AdapterLocation.Folder>> fetch,
            OptionalLong failed) {

        Next(RegisteredAdapter version, long offset, AwaitedFiles files) {
            this(version, offset, files, Optional.empty(), OptionalLong.empty());
        }

        Next fetched(CompletableFuture<AdapterLocation.Folder> folder) {
            return new Next(version, offset, files, Optional.of(folder), OptionalLong.empty());
        }

        Next failedAt(long nanos) {
            return new Next(version, offset, files, fetch, OptionalLong.of(nanos));
        }
    }

    /**
     * Why a record has no effect, or not yet.
     *
     * @param reason for programs, such as {@code wrong_digest}
     * @param offset of the record
     */
    record Problem(String reason, String message, long offset) {

        /** The reason of a failure that is a defect of this program. */
        static final String INTERNAL_ERROR = "internal_error";

        /** Why a version can't be served. */
        static Problem of(Throwable failure, long offset) {
            Throwable cause = cause(failure);
            String reason = INTERNAL_ERROR;
            if (cause instanceof SourceException source) {
                reason = source.failure().label();
            } else if (cause instanceof AdapterLoadTimeoutException) {
                reason = SourceException.Failure.TOO_SLOW.label();
            } else if (cause instanceof InvalidAdapterException) {
                reason = "invalid_adapter";
            }
            return new Problem(reason, String.valueOf(cause.getMessage()), offset);
        }

        /** A file of this machine may become readable without a new record, for instance on a network's disk. */
        static boolean isTemporary(Throwable failure) {
            Throwable cause = cause(failure);
            return cause instanceof AdapterLoadTimeoutException
                    || cause instanceof SourceException source
                            && (source.isTemporary() || source.failure() == SourceException.Failure.UNREADABLE);
        }

        static Throwable cause(Throwable failure) {
            return failure instanceof CompletionException ? failure.getCause() : failure;
        }
    }

    static NameVersions of(InForce inForce) {
        return new NameVersions(Optional.of(inForce), Optional.empty(), Optional.empty());
    }

    Optional<InForce.Version> version() {
        return inForce.filter(InForce.Version.class::isInstance).map(InForce.Version.class::cast);
    }

    Optional<InForce.Targets> targets() {
        return inForce.filter(InForce.Targets.class::isInstance).map(InForce.Targets.class::cast);
    }

    boolean isNext(Next version) {
        return next.filter(current -> current == version).isPresent();
    }

    /** A record has no effect: what requests get stays, and so does a version whose files are fetched. */
    NameVersions with(Problem reported) {
        return new NameVersions(inForce, next, Optional.of(reported));
    }

    /** A record names a version, which takes the place of this one when it can be served. */
    NameVersions replacedBy(Next later) {
        return new NameVersions(inForce, Optional.of(later), Optional.empty());
    }

    boolean isFolder() {
        return version().filter(version -> version.offset.isEmpty()).isPresent();
    }

    NameVersions with(Next changed) {
        return new NameVersions(inForce, Optional.of(changed), problem);
    }

    /** Requests get the next version. A problem of a later record stays. */
    NameVersions served(Next served) {
        return new NameVersions(
                Optional.of(
                        new InForce.Version(served.version, OptionalLong.of(served.offset), Optional.of(served.files))),
                Optional.empty(),
                problemAfter(served.offset));
    }

    /** The next version failed. A problem of a later record stays. */
    NameVersions failed(Problem reported, Optional<Next> retried) {
        return new NameVersions(inForce, retried, problemAfter(reported.offset).or(() -> Optional.of(reported)));
    }

    /** A lease of the version in force failed, or none does any more. A problem of a later record stays. */
    NameVersions leased(Optional<Problem> reported) {
        long offset = version().orElseThrow().offset.orElseThrow();
        return new NameVersions(inForce, next, problemAfter(offset).or(() -> reported));
    }

    private Optional<Problem> problemAfter(long offset) {
        return problem.filter(current -> current.offset > offset);
    }
}
