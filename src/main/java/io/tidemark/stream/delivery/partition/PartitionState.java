package io.tidemark.stream.delivery.partition;

/**
 * Whether this worker owns a partition, as the metadata of the committed offset says it.
 *
 * <pre>
 *   Assigned ── a commit names this process ──▶ Claimed
 *      │                                           │
 *      └──────── the partition is given back ──────┤
 *                                                  ▼
 *                                              Releasing ── a commit names no owner ──▶ Released
 * </pre>
 *
 * <p>A commit that began before the release leaves the state Releasing. A partition that is lost is dropped in any
 * state, without a commit. No request starts before the partition is
 * claimed: after a death, the name in the metadata tells the next owner whose transaction to end.
 */
sealed interface PartitionState {

    /** The consumer has the partition, and no commit has named this process. */
    record Assigned() implements PartitionState {}

    /** The committed metadata names this process. */
    record Claimed() implements PartitionState {}

    /**
     * The next commit names no owner.
     *
     * @param claimed whether a commit is known to have named this process
     */
    record Releasing(boolean claimed) implements PartitionState {}

    /** The committed metadata names no owner. */
    record Released() implements PartitionState {}

    /** Whether a commit has named this process as the owner. */
    default boolean isClaimed() {
        return this instanceof Claimed
                || this instanceof Released
                || this instanceof Releasing releasing && releasing.claimed();
    }

    /** Whether commits name this process as the owner. */
    default boolean isOwner() {
        return this instanceof Assigned || this instanceof Claimed;
    }

    /** The partition is given back. */
    default PartitionState release() {
        return isOwner() ? new Releasing(isClaimed()) : this;
    }

    /** A commit has succeeded that began in the state {@code began}. */
    default PartitionState committed(PartitionState began) {
        if (this instanceof Assigned) {
            return new Claimed();
        }
        if (this instanceof Releasing) {
            return began.isOwner() ? new Releasing(true) : new Released();
        }
        return this;
    }
}
