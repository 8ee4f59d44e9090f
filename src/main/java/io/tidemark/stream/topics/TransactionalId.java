package io.tidemark.stream.topics;

import java.util.UUID;

/**
 * The transactional id of a process, and the ids that are derived from it. An id begins with the consumer group, so
 * that rights can be granted by prefix: {@code GROUP/WORKER-RANDOM} is a worker and {@code GROUP-PROCESS} a calibrator.
 * It is also the client id of the process in its group: a takeover finds out by it whether the owner of an open
 * transaction lives.
 *
 * @param group consumer group of the process
 * @param id    unique among the running processes
 */
public record TransactionalId(String group, String id) {

    /** Separates the group from the name of a worker. */
    private static final String OF_GROUP = "/";
    /** Separates the id of a process from what is added for a further one. */
    private static final String FURTHER = ".";

    private static final String PROBE = FURTHER + "probe";
    private static final int RANDOM_CHARACTERS = 8;

    /** An id that is new for each process: a worker that follows a dead one of the same name must not look like it. */
    public static TransactionalId ofWorker(String group, String worker) {
        String random = UUID.randomUUID().toString().substring(0, RANDOM_CHARACTERS);
        return new TransactionalId(group, group + OF_GROUP + worker + "-" + random);
    }

    /** The id of a calibrator, which fences an earlier process of the same name. */
    public static TransactionalId ofCalibrator(String group, String process) {
        return new TransactionalId(group, group + "-" + process);
    }

    /** The id that the process uses after {@code number} ids whose last transaction can't be ended. */
    public String renewed(int number) {
        return id + FURTHER + number;
    }

    /** The id of a transaction that tries a topic and is aborted. */
    public String ofProbe(int number) {
        return id + PROBE + number;
    }

    /** Whether an id is one of {@link #ofProbe}, of any process. */
    public static boolean isOfProbe(String id) {
        int end = id.lastIndexOf(PROBE);
        return end > 0 && id.substring(end + PROBE.length()).matches("\\d+");
    }

    /** Whether an id is that of this process, or a further one of it. */
    public boolean isOwn(String other) {
        return isOf(id, other);
    }

    /**
     * Whether an id is that of a process, or a further one of it.
     *
     * @param process the transactional id of the process
     */
    public static boolean isOf(String process, String id) {
        return id.equals(process) || id.startsWith(process + FURTHER);
    }

    /** Whether an id is that of a worker of the same group. */
    public boolean isOfGroup(String other) {
        return other.startsWith(group + OF_GROUP);
    }
}
