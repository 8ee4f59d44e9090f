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
 * state, without a commit. No request starts before the partition is claimed: after a death, the name in the metadata
 * tells the next owner whose transaction to end.
 */
enum PartitionState {
    /** The consumer has the partition, and no commit has named this process. */
    ASSIGNED,
    /** The committed metadata names this process. */
    CLAIMED,
    /** The next commit names no owner, and no commit is known to have named this process. */
    RELEASING_UNCLAIMED,
    /** The next commit names no owner. */
    RELEASING,
    /** The committed metadata names no owner. */
    RELEASED;

    /** Whether a commit has named this process as the owner. */
    boolean isClaimed() {
        return this == CLAIMED || this == RELEASING || this == RELEASED;
    }

    /** Whether commits name this process as the owner. */
    boolean isOwner() {
        return this == ASSIGNED || this == CLAIMED;
    }

    /** The partition is given back. */
    PartitionState release() {
        return switch (this) {
            case ASSIGNED -> RELEASING_UNCLAIMED;
            case CLAIMED -> RELEASING;
            default -> this;
        };
    }

    /** A commit has succeeded that began in the state {@code began}. */
    PartitionState committed(PartitionState began) {
        return switch (this) {
            case ASSIGNED -> CLAIMED;
            case RELEASING_UNCLAIMED, RELEASING -> began.isOwner() ? RELEASING : RELEASED;
            default -> this;
        };
    }
}
