package io.tidemark.benchmark.scaling;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.apache.kafka.common.TopicPartition;

/**
 * The partitions of the request topic and the workers that own them. A rebalance moves as few partitions as
 * possible. A partition that moves is first revoked: its requests that can end within the grace do so, the others are
 * abandoned. Then it has no owner for the time of the rebalance. The next owner reads from the committed offset on. A
 * change of the members during a rebalance causes another one.
 */
final class ConsumerGroup {

    /** Interval at which a revocation checks whether the running requests have ended. */
    private static final double REVOKE_CHECK = 0.25;
    /** Requests of a partition that its owner reads and does not start, as in a real worker. */
    private static final int READ_AHEAD = 32;

    private final VirtualClock clock;
    private final Deployment deployment;
    private final Consumer<Request> results;
    private final List<Partition> partitions;
    /** The partitions of each member; the one whose turn is next comes first. */
    private final Map<Worker, Deque<Partition>> members = new LinkedHashMap<>();

    private boolean rebalancing;
    private boolean changed;

    private static final class Partition {
        final TopicPartition id;
        final List<Request> log = new ArrayList<>();
        /** Requests that no worker has started, in the order of their offsets. */
        final PriorityQueue<Request> waiting = new PriorityQueue<>(Comparator.comparingInt(each -> each.offset));
        /** The offset of the oldest request without a result. */
        int committed;
        /** The next record that the owner reads. */
        int next;
        /** Requests that were read and are not started. */
        int unstarted;

        Optional<Worker> owner = Optional.empty();
        /** Whether a rebalance has revoked it and not assigned it yet. */
        boolean revoked;

        Partition(TopicPartition id) {
            this.id = id;
        }
    }

    /** @param results takes each request when it has ended */
    ConsumerGroup(VirtualClock clock, Deployment deployment, Consumer<Request> results) {
        this.clock = clock;
        this.deployment = deployment;
        this.results = results;
        this.partitions = IntStream.range(0, deployment.partitions())
                .mapToObj(number -> new Partition(new TopicPartition(Worker.TOPIC, number)))
                .toList();
    }

    /** Appends a request that has arrived. */
    void append(Request request) {
        Partition partition = partition(request);
        request.offset = partition.log.size();
        partition.log.add(request);
        partition.waiting.add(request);
        readAhead(partition);
        if (!partition.revoked) {
            partition.owner.ifPresent(Worker::wake);
        }
    }

    private static void readAhead(Partition partition) {
        if (partition.owner.isEmpty() || partition.revoked) {
            return;
        }
        while (partition.unstarted < READ_AHEAD && partition.next < partition.log.size()) {
            // requests that have ended after the committed offset are skipped
            partition.unstarted += partition.log.get(partition.next).finished ? 0 : 1;
            partition.next++;
            partition.owner.get().read(partition.id);
        }
    }

    /** Adds a worker, which gets partitions in the next rebalance. */
    void join(Worker worker) {
        members.put(worker, new ArrayDeque<>());
        worker.measure();
        rebalance();
    }

    /** Removes and returns the next request of the worker's partitions. */
    Optional<Request> next(Worker worker) {
        Deque<Partition> owned = members.get(worker);
        for (int i = 0; i < owned.size(); i++) {
            Partition partition = owned.remove();
            owned.add(partition);
            if (!partition.revoked && !partition.waiting.isEmpty()) {
                Request next = partition.waiting.remove();
                partition.unstarted--;
                readAhead(partition);
                return Optional.of(next);
            }
        }
        return Optional.empty();
    }

    void finished(Request request) {
        Partition partition = partition(request);
        while (partition.committed < partition.log.size() && partition.log.get(partition.committed).finished) {
            partition.committed++;
        }
        results.accept(request);
    }

    /** Removes a worker that has stopped: its open requests go to others. */
    void left(Worker worker) {
        release(worker, any -> true);
        for (Partition partition : members.remove(worker)) {
            partition.owner = Optional.empty();
        }
        rebalance();
    }

    /** Offsets behind the committed ones. */
    int lag() {
        return partitions.stream()
                .mapToInt(each -> each.log.size() - each.committed)
                .sum();
    }

    /** The partitions that the worker owns, those that are being revoked included. */
    Collection<TopicPartition> owned(Worker worker) {
        return members.get(worker).stream().map(each -> each.id).toList();
    }

    /** Requests that the worker has read and not started. */
    int unstarted(Worker worker) {
        return members.get(worker).stream().mapToInt(each -> each.unstarted).sum();
    }

    /** The offset up to which the owner has read a partition. */
    long position(TopicPartition partition) {
        return partitions.get(partition.partition()).next;
    }

    /** The last stable offset of a partition. */
    long end(TopicPartition partition) {
        return partitions.get(partition.partition()).log.size();
    }

    /** Arrival of the oldest request without a token. */
    OptionalDouble oldestWithoutToken() {
        return DoubleStream.concat(
                        partitions.stream()
                                .filter(each -> !each.waiting.isEmpty())
                                .mapToDouble(each -> each.waiting.peek().arrival),
                        members.keySet().stream().flatMapToDouble(each -> each.oldestWithoutToken().stream()))
                .min();
    }

    private void rebalance() {
        changed = true;
        if (rebalancing || members.isEmpty()) {
            return;
        }
        changed = false;
        Map<Partition, Worker> moves = moves();
        if (moves.isEmpty()) {
            return;
        }
        rebalancing = true;
        for (Partition partition : moves.keySet()) {
            partition.revoked = true;
            partition.owner.ifPresent(worker -> {
                requeue(worker.removeQueued(request -> partition(request) == partition));
                requeue(worker.abandon(request ->
                        partition(request) == partition && worker.secondsLeft(request) > Deployment.REVOKE_GRACE));
                worker.wake();
            });
        }
        awaitRevoked(moves, clock.now() + Deployment.REVOKE_GRACE);
    }

    /** The partitions that get another owner, and which. */
    private Map<Partition, Worker> moves() {
        List<Worker> largestFirst = members.keySet().stream()
                .sorted(Comparator.comparingInt(each -> -members.get(each).size()))
                .toList();
        Deque<Partition> free = new ArrayDeque<>();
        partitions.stream().filter(each -> each.owner.isEmpty()).forEach(free::add);
        int[] missing = new int[largestFirst.size()];
        for (int i = 0; i < largestFirst.size(); i++) {
            List<Partition> owned = List.copyOf(members.get(largestFirst.get(i)));
            int quota = partitions.size() / members.size() + (i < partitions.size() % members.size() ? 1 : 0);
            free.addAll(owned.subList(Math.min(quota, owned.size()), owned.size()));
            missing[i] = quota - owned.size();
        }
        Map<Partition, Worker> moves = new LinkedHashMap<>();
        for (int i = 0; i < largestFirst.size(); i++) {
            for (int k = 0; k < missing[i]; k++) {
                moves.put(free.remove(), largestFirst.get(i));
            }
        }
        return moves;
    }

    private void awaitRevoked(Map<Partition, Worker> moves, double end) {
        boolean run = moves.keySet().stream()
                .anyMatch(partition -> partition
                        .owner
                        .filter(worker -> worker.runs(request -> partition(request) == partition))
                        .isPresent());
        if (run && clock.now() < end) {
            clock.after(REVOKE_CHECK, () -> awaitRevoked(moves, end));
            return;
        }
        for (Partition partition : moves.keySet()) {
            partition.owner.ifPresent(worker -> {
                release(worker, request -> partition(request) == partition);
                members.get(worker).remove(partition);
                worker.wake();
            });
            partition.owner = Optional.empty();
        }
        clock.after(deployment.rebalanceSeconds(), () -> assign(moves));
    }

    /** Assigns revoked partitions. Those of a worker that has left meanwhile get an owner in the next rebalance. */
    private void assign(Map<Partition, Worker> moves) {
        moves.forEach((partition, worker) -> {
            partition.revoked = false;
            partition.next = partition.committed;
            partition.unstarted = 0;
            if (members.containsKey(worker)) {
                partition.owner = Optional.of(worker);
                members.get(worker).add(partition);
                worker.assigned(List.of(partition.id));
                readAhead(partition);
            }
        });
        members.keySet().forEach(Worker::wake);
        rebalancing = false;
        if (changed) {
            rebalance();
        }
    }

    /** Takes the matching requests back from a worker. */
    private void release(Worker worker, Predicate<Request> which) {
        requeue(worker.removeQueued(which));
        requeue(worker.abandon(which));
    }

    private void requeue(List<Request> requests) {
        for (Request request : requests) {
            partition(request).waiting.add(request);
            partition(request).unstarted++;
        }
    }

    private Partition partition(Request request) {
        return partitions.get(request.partition);
    }
}
