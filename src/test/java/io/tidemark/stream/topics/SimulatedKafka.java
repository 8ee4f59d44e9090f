package io.tidemark.stream.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.time.VirtualTime;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsResult;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.DescribeTransactionsResult;
import org.apache.kafka.clients.admin.FenceProducersResult;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTransactionsResult;
import org.apache.kafka.clients.admin.MemberAssignment;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.admin.internals.CoordinatorKey;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.LogTruncationException;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A cluster in memory with one consumer group, for services on the thread of a test. A poll that finds nothing sleeps
 * for its timeout in virtual time. As in a real cluster, the members of the group take over a new assignment in a poll,
 * a transaction is visible to consumers when it is committed and ends with a marker that has an offset, and a
 * transaction of a member that does not own the partitions of its offsets can't be committed. All methods throw an
 * {@link AssertionError} on any other thread.
 */
public final class SimulatedKafka implements KafkaClients {

    /** What one transaction has committed. */
    public record Transaction(
            List<ProducerRecord<byte[], byte[]>> records, Map<TopicPartition, OffsetAndMetadata> offsets) {}

    private static final class Log {

        private final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        private long start;
        private long end;
        private int epoch;
        private OptionalLong openTransaction = OptionalLong.empty();

        /** The last stable offset. */
        private long readableEnd(boolean uncommitted) {
            return uncommitted ? end : openTransaction.orElse(end);
        }

        /** The end of an epoch, as brokers answer it. */
        private OffsetAndMetadata endOf(int of) {
            long offset = records.stream()
                    .filter(record -> record.leaderEpoch().orElseThrow() > of)
                    .mapToLong(ConsumerRecord::offset)
                    .findFirst()
                    .orElse(end);
            return new OffsetAndMetadata(offset, Optional.of(of), "");
        }
    }

    private final Thread thread = Thread.currentThread();
    private final VirtualTime time;
    private final Map<String, Integer> partitions;
    private final Map<TopicPartition, Log> logs = new HashMap<>();
    private final Map<String, Uuid> topicIds = new HashMap<>();
    private final Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>();
    private final List<Transaction> transactions = new ArrayList<>();
    private final List<SimulatedConsumer> consumers = new ArrayList<>();
    private final List<MockProducer<byte[], byte[]>> producers = new ArrayList<>();
    private final List<String> fenced = new ArrayList<>();
    /** Transactional ids whose last transaction is committed, and has not the markers of all partitions. */
    private final Set<String> unmarked = new HashSet<>();

    private final Set<TopicPartition> leaderless = new HashSet<>();
    private Optional<Duration> holding = Optional.empty();
    /** Until when the committed offsets wait for the marker of a transaction. */
    private Instant offsetsPending = Instant.MIN;

    private Optional<SimulatedConsumer> member = Optional.empty();
    private Set<TopicPartition> assignment = Set.of();
    private Optional<RuntimeException> failure = Optional.empty();
    private boolean failsAfterCommit;
    private Runnable beforeCommits = () -> {};
    private java.util.function.Consumer<Transaction> afterCommits = transaction -> {};

    /** @param partitions the topics and the number of their partitions */
    public SimulatedKafka(VirtualTime time, Map<String, Integer> partitions) {
        this.time = time;
        this.partitions = Map.copyOf(partitions);
        partitions.forEach((topic, count) -> IntStream.range(0, count)
                .forEach(partition -> logs.put(new TopicPartition(topic, partition), new Log())));
    }

    /** Appends a committed record without a timestamp. */
    public void append(TopicPartition partition, byte[] key, byte[] value) {
        append(partition, key, value, ConsumerRecord.NO_TIMESTAMP, TimestampType.NO_TIMESTAMP_TYPE);
    }

    /** Appends a committed record. */
    public void append(TopicPartition partition, byte[] key, byte[] value, Instant timestamp) {
        append(partition, key, value, timestamp.toEpochMilli(), TimestampType.CREATE_TIME);
    }

    private void append(TopicPartition partition, byte[] key, byte[] value, long timestamp, TimestampType type) {
        Log log = logs.get(partition);
        log.records.add(new ConsumerRecord<>(
                partition.topic(),
                partition.partition(),
                log.end,
                timestamp,
                type,
                ConsumerRecord.NULL_SIZE,
                value == null ? ConsumerRecord.NULL_SIZE : value.length,
                key,
                value,
                new RecordHeaders(),
                Optional.of(log.epoch)));
        log.end++;
    }

    /** Deletes the oldest records, as retention does. */
    public void expire(TopicPartition partition, long before) {
        Log log = logs.get(partition);
        log.start = before;
        log.records.removeIf(record -> record.offset() < before);
    }

    /** From now on, polls get no records of a partition. */
    public void loseLeader(TopicPartition partition) {
        leaderless.add(partition);
    }

    /** From now on, the records from this offset on are behind the start of an open transaction. */
    public void openTransaction(TopicPartition partition, long offset) {
        logs.get(partition).openTransaction = OptionalLong.of(offset);
    }

    /** An unclean election: the new leader has only the records before an offset, and a larger epoch. */
    public void truncate(TopicPartition partition, long end) {
        Log log = logs.get(partition);
        log.records.removeIf(record -> record.offset() >= end);
        log.end = end;
        log.epoch++;
    }

    /** Deletes a topic and creates it again. The committed offsets stay, as those of a commit that is late. */
    public void createAgain(String topic) {
        logs.replaceAll((partition, log) -> partition.topic().equals(topic) ? new Log() : log);
        topicIds.put(topic, Uuid.randomUuid());
    }

    /** The committed records of the first partition of a topic. */
    public List<ConsumerRecord<byte[], byte[]>> records(String topic) {
        return List.copyOf(logs.get(new TopicPartition(topic, 0)).records);
    }

    /** What the group has committed. */
    public Optional<OffsetAndMetadata> committed(TopicPartition partition) {
        return Optional.ofNullable(committed.get(partition));
    }

    /** The committed transactions, the first one first. */
    public List<Transaction> transactions() {
        return List.copyOf(transactions);
    }

    public Transaction lastTransaction() {
        return transactions.get(transactions.size() - 1);
    }

    /** The newest member of the group revokes and takes these partitions in its next poll. */
    public void assign(TopicPartition... owned) {
        assignment = Set.of(owned);
    }

    /** The newest member of the group loses these partitions in its next poll, without a revocation. */
    public void lose(TopicPartition... lost) {
        Set<TopicPartition> left = new HashSet<>(assignment);
        left.removeAll(Set.of(lost));
        assignment = Set.copyOf(left);
        member().schedulePollTask(() -> {
            member().unpause(assignment);
            member().losePartitions(Set.of(lost));
        });
    }

    /** The next commit of a transaction fails, and nothing is committed. */
    public void failNextCommit(RuntimeException reason) {
        failure = Optional.of(reason);
        failsAfterCommit = false;
    }

    /** The next transaction is committed, and its producer does not receive the answer. */
    public void loseNextAnswer(RuntimeException reason) {
        failure = Optional.of(reason);
        failsAfterCommit = true;
    }

    /**
     * The next transaction is committed, and a partition never takes its marker: its producer gets no answer, however
     * often it asks.
     *
     * @param pending how long the committed offsets can't be read
     */
    public void holdNextMarker(Duration pending) {
        holding = Optional.of(pending);
    }

    /** Runs before each commit of a transaction; may call {@link #failNextCommit} or {@link #loseNextAnswer}. */
    public void beforeCommits(Runnable task) {
        beforeCommits = task;
    }

    /** Runs after each commit of a transaction. */
    public void afterCommits(java.util.function.Consumer<Transaction> task) {
        afterCommits = task;
    }

    /** The consumers, the oldest first. */
    public List<SimulatedConsumer> consumers() {
        return List.copyOf(consumers);
    }

    /** The consumer that joined the group last. */
    public SimulatedConsumer member() {
        return member.orElseThrow();
    }

    /** The number of consumers and producers that are not closed. */
    public int openClients() {
        return (int) (consumers.stream().filter(consumer -> !consumer.closed()).count()
                + producers.stream().filter(producer -> !producer.closed()).count());
    }

    private void onThread() {
        assertThat(Thread.currentThread()).isSameAs(thread);
    }

    @Override
    public Consumer<byte[], byte[]> newConsumer(ReadLimits limits, Map<String, Object> overrides) {
        SimulatedConsumer consumer = new SimulatedConsumer();
        consumer.maxRecords = limits.pollRecords();
        consumer.uncommitted = "read_uncommitted".equals(overrides.get(ConsumerConfig.ISOLATION_LEVEL_CONFIG));
        return consumer;
    }

    @Override
    public Consumer<byte[], byte[]> newGroupMember(
            String group, String clientId, ReadLimits limits, String offsetReset) {
        SimulatedConsumer joined = new SimulatedConsumer();
        joined.resets = !offsetReset.equals("none");
        joined.setMaxPollRecords(limits.pollRecords());
        joined.maxRecords = limits.pollRecords();
        member = Optional.of(joined);
        return joined;
    }

    @Override
    public Producer<byte[], byte[]> newTransactionalProducer(String transactionalId, Map<String, Object> overrides) {
        return new SimulatedProducer(transactionalId);
    }

    /** Knows the end offsets, the offsets of the group and the states of transactions, and fences producers. */
    @Override
    public Admin newAdmin() {
        onThread();
        return (Admin) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Admin.class},
                (admin, method, arguments) -> switch (method.getName()) {
                    case "listOffsets" ->
                        new ListOffsetsResult(((Map<?, ?>) arguments[0])
                                .entrySet().stream()
                                        .collect(Collectors.toMap(
                                                each -> (TopicPartition) each.getKey(),
                                                each -> offset(
                                                        (TopicPartition) each.getKey(),
                                                        each.getValue() instanceof OffsetSpec.EarliestSpec))));
                    case "describeTopics" ->
                        new DescribedTopics(((Collection<?>) arguments[0])
                                .stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.toMap(Function.identity(), this::describe)));
                    case "listConsumerGroupOffsets" ->
                        newResult(
                                ListConsumerGroupOffsetsResult.class,
                                ((Map<?, ?>) arguments[0])
                                        .keySet().stream()
                                                .collect(Collectors.toMap(
                                                        group -> CoordinatorKey.byGroupId(String.valueOf(group)),
                                                        group -> KafkaFuture.completedFuture(Map.copyOf(committed)))));
                    case "fenceProducers" -> {
                        ((Collection<?>) arguments[0]).forEach(id -> fenced.add(String.valueOf(id)));
                        yield newResult(FenceProducersResult.class, Map.of());
                    }
                    case "describeTransactions" ->
                        newResult(
                                DescribeTransactionsResult.class,
                                ((Collection<?>) arguments[0])
                                        .stream()
                                                .map(String::valueOf)
                                                .collect(Collectors.toMap(
                                                        CoordinatorKey::byTransactionalId,
                                                        id -> KafkaFuture.completedFuture(transaction(id)))));
                    case "listTransactions" -> {
                        KafkaFutureImpl<Collection<TransactionListing>> none = new KafkaFutureImpl<>();
                        none.complete(List.of());
                        Constructor<ListTransactionsResult> constructor =
                                ListTransactionsResult.class.getDeclaredConstructor(KafkaFuture.class);
                        constructor.setAccessible(true);
                        yield constructor.newInstance(KafkaFuture.completedFuture(Map.of(0, none)));
                    }
                    case "close" -> null;
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }

    /** Kafka's results have constructors without an access modifier. */
    private static <T> T newResult(Class<T> type, Map<?, ?> futures) throws ReflectiveOperationException {
        Constructor<T> constructor = type.getDeclaredConstructor(Map.class);
        constructor.setAccessible(true);
        return constructor.newInstance(futures);
    }

    private TransactionDescription transaction(String id) {
        return new TransactionDescription(
                1,
                unmarked.contains(id) ? TransactionState.PREPARE_COMMIT : TransactionState.ONGOING,
                1,
                1,
                10_000,
                OptionalLong.empty(),
                Set.of());
    }

    /** The description of a group whose members have these client ids. */
    public static DescribeConsumerGroupsResult described(String group, Collection<String> clientIds) {
        return new DescribeConsumerGroupsResult(Map.of(
                group,
                KafkaFuture.completedFuture(new ConsumerGroupDescription(
                        group,
                        false,
                        clientIds.stream()
                                .map(id -> new MemberDescription(
                                        "member-" + id, Optional.empty(), id, "host", new MemberAssignment(Set.of())))
                                .toList(),
                        "cooperative-sticky",
                        GroupType.CLASSIC,
                        GroupState.STABLE,
                        Node.noNode(),
                        Set.of(),
                        Optional.empty(),
                        Optional.empty()))));
    }

    /** The transactional ids whose producers were fenced. */
    public List<String> fenced() {
        return List.copyOf(fenced);
    }

    /** Sets what the group has committed, as a member before this test. */
    public void commit(TopicPartition partition, OffsetAndMetadata offset) {
        committed.put(partition, offset);
    }

    private KafkaFuture<ListOffsetsResultInfo> offset(TopicPartition partition, boolean first) {
        Log log = logs.get(partition);
        return KafkaFuture.completedFuture(
                new ListOffsetsResultInfo(first ? log.start : log.end, 0, Optional.of(log.epoch)));
    }

    private KafkaFuture<TopicDescription> describe(String topic) {
        Uuid id = topicIds.computeIfAbsent(topic, any -> Uuid.randomUuid());
        return KafkaFuture.completedFuture(new TopicDescription(topic, false, List.of(), Set.of(), id));
    }

    private static final class DescribedTopics extends DescribeTopicsResult {

        private DescribedTopics(Map<String, KafkaFuture<TopicDescription>> topics) {
            super(null, topics);
        }
    }

    @Override
    public Optional<String> property(String name) {
        return Optional.empty();
    }

    /** A consumer, with the moments of its polls. */
    public final class SimulatedConsumer extends MockConsumer<byte[], byte[]> {

        private final List<Instant> polls = new ArrayList<>();
        /** The epochs of positions that were set and not compared with the log. */
        private final Map<TopicPartition, Integer> epochs = new HashMap<>();

        private int maxRecords = Integer.MAX_VALUE;
        private boolean resets = true;
        private boolean uncommitted;

        private SimulatedConsumer() {
            super("earliest");
            onThread();
            partitions.forEach((topic, count) -> updatePartitions(
                    topic,
                    IntStream.range(0, count)
                            .mapToObj(partition -> new PartitionInfo(topic, partition, null, null, null))
                            .toList()));
            updateBeginningOffsets(logs.keySet().stream().collect(Collectors.toMap(Function.identity(), log -> 0L)));
            consumers.add(this);
        }

        /** When this consumer was polled. */
        public List<Instant> polls() {
            return List.copyOf(polls);
        }

        @Override
        public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            onThread();
            polls.add(time.instant());
            super.commitAsync(committed, null);
            // tasks of the test, exceptions, start positions
            super.poll(timeout);
            if (!subscription().isEmpty() && !assignment().equals(assignment)) {
                unpause(assignment);
                rebalance(assignment);
            }
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found = new HashMap<>();
            assignment().stream()
                    .filter(partition -> !paused().contains(partition))
                    .forEach(partition -> {
                        List<ConsumerRecord<byte[], byte[]>> records = read(partition);
                        if (!records.isEmpty()) {
                            found.put(partition, records);
                        }
                    });
            if (found.isEmpty()) {
                time.sleep(timeout);
            }
            return new ConsumerRecords<>(found, Map.of());
        }

        /** A mock keeps a partition paused that it does not own any more; a real consumer does not. */
        private void unpause(Set<TopicPartition> kept) {
            resume(paused().stream()
                    .filter(partition -> !kept.contains(partition))
                    .toList());
        }

        private List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition) {
            Log log = logs.get(partition);
            if (leaderless.contains(partition)) {
                return List.of();
            }
            long position = position(partition);
            if (position < log.start || position > log.end) {
                if (!resets) {
                    throw new OffsetOutOfRangeException(Map.of(partition, position));
                }
                position = log.start;
            }
            return read(partition, log, position);
        }

        private List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, Log log, long position) {
            List<ConsumerRecord<byte[], byte[]>> records = log.records.stream()
                    .filter(record -> record.offset() >= position && record.offset() < log.readableEnd(uncommitted))
                    .limit(maxRecords)
                    .toList();
            long next = records.isEmpty()
                    ? position
                    : records.get(records.size() - 1).offset() + 1;
            boolean more = log.records.stream()
                    .anyMatch(record -> record.offset() >= next && record.offset() < log.readableEnd(uncommitted));
            seek(partition, more ? next : log.readableEnd(uncommitted));
            return records;
        }

        @Override
        public synchronized void seek(TopicPartition partition, OffsetAndMetadata offset) {
            super.seek(partition, offset);
            epochs.remove(partition);
            offset.leaderEpoch().ifPresent(epoch -> epochs.put(partition, epoch));
        }

        @Override
        public synchronized void seek(TopicPartition partition, long offset) {
            super.seek(partition, offset);
            epochs.remove(partition);
        }

        @Override
        public synchronized long position(TopicPartition partition) {
            long position = super.position(partition);
            if (epochs.containsKey(partition)) {
                OffsetAndMetadata end = logs.get(partition).endOf(epochs.get(partition));
                if (end.offset() < position) {
                    throw new LogTruncationException("planted", Map.of(partition, position), Map.of(partition, end));
                }
            }
            return position;
        }

        @Override
        public synchronized long position(TopicPartition partition, Duration timeout) {
            return position(partition);
        }

        @Override
        public synchronized OptionalLong currentLag(TopicPartition partition) {
            return OptionalLong.of(logs.get(partition).readableEnd(uncommitted) - position(partition));
        }

        @Override
        public synchronized Map<TopicPartition, Long> endOffsets(Collection<TopicPartition> of) {
            return of.stream()
                    .collect(Collectors.toMap(
                            Function.identity(),
                            partition -> logs.get(partition).readableEnd(uncommitted)));
        }

        @Override
        public Map<TopicPartition, Long> endOffsets(Collection<TopicPartition> of, Duration timeout) {
            return endOffsets(of);
        }

        @Override
        public synchronized void seekToEnd(Collection<TopicPartition> of) {
            of.forEach(partition -> seek(partition, logs.get(partition).end));
        }

        /** Records have no timestamps: all are newer than any moment. */
        @Override
        public Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(Map<TopicPartition, Long> times) {
            return times.entrySet().stream()
                    .collect(Collectors.toMap(
                            Map.Entry::getKey,
                            time -> new OffsetAndTimestamp(logs.get(time.getKey()).start, time.getValue())));
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndMetadata> committed(Set<TopicPartition> of) {
            return committed.entrySet().stream()
                    .filter(offset -> of.contains(offset.getKey()))
                    .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndMetadata> committed(Set<TopicPartition> of, Duration timeout) {
            if (time.instant().isBefore(offsetsPending)) {
                time.sleep(timeout);
                throw new TimeoutException("an offset is not stable");
            }
            return committed(of);
        }

        @Override
        public synchronized void commitAsync(
                Map<TopicPartition, OffsetAndMetadata> offsets, OffsetCommitCallback callback) {
            onThread();
            requireOwned(offsets);
            super.commitAsync(offsets, callback);
            committed.putAll(offsets);
        }
    }

    private void requireOwned(Map<TopicPartition, OffsetAndMetadata> offsets) {
        if (!member.orElseThrow().assignment().containsAll(offsets.keySet())) {
            throw new CommitFailedException("the member does not own " + offsets.keySet());
        }
    }

    private final class SimulatedProducer extends MockProducer<byte[], byte[]> {

        private final String transactionalId;

        SimulatedProducer(String transactionalId) {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
            this.transactionalId = transactionalId;
            onThread();
            producers.add(this);
        }

        @Override
        public void commitTransaction() {
            onThread();
            if (unmarked.contains(transactionalId)) {
                throw new TimeoutException("concurrent transactions");
            }
            beforeCommits.run();
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            uncommittedOffsets().values().forEach(offsets::putAll);
            Transaction transaction = new Transaction(List.copyOf(uncommittedRecords()), Map.copyOf(offsets));
            requireOwned(offsets);
            Optional<RuntimeException> failing = failure;
            failure = Optional.empty();
            if (failing.isEmpty() || failsAfterCommit) {
                super.commitTransaction();
                apply(transaction);
                afterCommits.accept(transaction);
            }
            holding.ifPresent(pending -> {
                holding = Optional.empty();
                unmarked.add(transactionalId);
                offsetsPending = time.instant().plus(pending);
                throw new TimeoutException("no answer");
            });
            failing.ifPresent(reason -> {
                throw reason;
            });
        }
    }

    private void apply(Transaction transaction) {
        transactions.add(transaction);
        Set<TopicPartition> written = new HashSet<>();
        transaction.records().forEach(record -> {
            TopicPartition partition = new TopicPartition(record.topic(), 0);
            append(partition, record.key(), record.value());
            written.add(partition);
        });
        // the marker of the transaction
        written.forEach(partition -> logs.get(partition).end++);
        committed.putAll(transaction.offsets());
    }
}
