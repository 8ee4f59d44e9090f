"""Sends the records of a run and follows the results.

`Ledger` knows which requests are open. Readers and senders run on threads of their own.
"""
import heapq
import json
import logging
import threading
import time

from confluent_kafka import KafkaException, Producer

from calibration import Calibrations
from records import Schema
from topic_reader import QUIET, TopicReader
from workload import Record, encode

LOG = logging.getLogger("chaos")


class Ledger:
    """Open requests, and the takeover of partitions. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._sent = {}
        self._open = {}
        self._answered = set()
        self._errors = {}
        self._repeated = 0
        self._last_worker = {}   # of each partition of requests
        self._watches = []
        self._progress = time.monotonic()
        self._longest_silence = 0.0

    def sent(self, source, kind):
        with self._lock:
            self._sent[kind] = self._sent.get(kind, 0) + 1
            if source not in self._answered:
                self._open[source] = kind

    def answered(self, source, worker, error):
        now = time.monotonic()
        with self._lock:
            if self._answered:
                self._longest_silence = max(self._longest_silence, now - self._progress)
            self._progress = now
            if source in self._answered:
                self._repeated += 1
                return
            self._answered.add(source)
            self._open.pop(source, None)
            if error is not None:
                self._errors[error] = self._errors.get(error, 0) + 1
            self._last_worker[source[:2]] = worker
            for watch in self._watches:
                watch.see(source[:2], worker, now)

    def watch(self, takeover):
        with self._lock:
            self._watches.append(takeover)

    def partitions_of(self, worker):
        """Partitions with open requests whose last result came from a worker, so that it owns them."""
        with self._lock:
            waiting = {source[:2] for source in self._open}
            return [partition for partition, last in self._last_worker.items() if last == worker and partition in waiting]

    def open(self, kind=None):
        with self._lock:
            return len(self._open) if kind is None else sum(1 for each in self._open.values() if each == kind)

    def is_open(self, source, kind):
        """Whether a request of this kind has no result yet."""
        with self._lock:
            return self._open.get(source) == kind

    def some_open(self, count=10):
        with self._lock:
            return list(self._open)[:count]

    @property
    def seconds_without_result(self):
        with self._lock:
            return time.monotonic() - self._progress

    @property
    def longest_silence(self):
        """The longest time in seconds between two results, or since the last one if requests are open."""
        with self._lock:
            return max(self._longest_silence, time.monotonic() - self._progress if self._open and self._answered else 0.0)

    def counts(self):
        with self._lock:
            return {"sent": dict(self._sent), "answered": len(self._answered), "open": len(self._open),
                    "repeated": self._repeated, "errors": dict(sorted(self._errors.items()))}


class StateReader(TopicReader):
    """Reads what processes say that they have, for the digest of their base model and the states of names."""

    def __init__(self, brokers, topic="worker-state"):
        self._lock = threading.Lock()
        self._states = {}
        super().__init__("states", brokers, [topic])

    def _take(self, message):
        key = (message.key() or b"").decode()
        if key.endswith("/heartbeat"):
            return
        with self._lock:
            if message.value() is None:
                self._states.pop(key, None)
                return
            self._states[key] = json.loads(message.value())

    def states(self):
        """The last state of each process, by its name."""
        with self._lock:
            return dict(self._states)

    def base(self):
        """The digest of the base model of any process; None if none has written a state."""
        return next((state["base"]["digest"] for state in self.states().values()), None)

    def adapter(self, worker, name):
        """What a process has of a name: an object with `state`; empty if the name is unknown."""
        adapters = self.states().get(worker, {}).get("adapters", [])
        return next((adapter for adapter in adapters if adapter["name"] == name), {})


class Takeover:
    """How long the partitions of a worker that ends wait for another owner, and for a result of another worker."""

    # results that a killed worker committed before its death arrive within this time
    LATE_SECONDS = 2

    def __init__(self, worker, partitions, owners, number, late_seconds=LATE_SECONDS):
        """
        partitions: (topic, partition) of each partition that the worker owned; owners: the transactional ids of all
        partitions; number: of the fault; late_seconds: from then on, a result with the worker's name is one of a restarted
        worker
        """
        self.worker = worker
        self.number = number
        self.late_seconds = late_seconds
        self.killed = time.monotonic()
        self.owned = dict.fromkeys(partitions)   # seconds until the metadata named another owner
        self.first_results = dict.fromkeys(partitions)   # seconds until the first result
        # of the killed process, and of earlier ones with its name
        self._dead = {owner for owner in owners.values() if owner and f"%2F{worker}-" in owner}

    def see_owners(self, owners, now):
        for partition, seconds in self.owned.items():
            if seconds is None and owners.get(partition) not in (None, *self._dead):
                self.owned[partition] = now - self.killed

    def see(self, partition, worker, now):
        if partition in self.first_results and self.first_results[partition] is None:
            # a restarted worker may have the name of the dead one
            if worker != self.worker or now > self.killed + self.late_seconds:
                self.first_results[partition] = now - self.killed

    @property
    def complete(self):
        return all(value is not None for value in (*self.owned.values(), *self.first_results.values()))

    @property
    def worst_owned(self):
        return max((value for value in self.owned.values() if value is not None), default=None)

    @property
    def worst_first_result(self):
        return max((value for value in self.first_results.values() if value is not None), default=None)


class ResultReader(TopicReader):
    """Adds each result to the ledger."""

    def __init__(self, brokers, topics, ledger, take=None):
        """take: a function that is called with each result, before the ledger"""
        super().__init__("results", brokers, topics)
        self._ledger = ledger
        self._before_ledger = take

    def _take(self, message):
        result = json.loads(message.value())
        if self._before_ledger is not None:
            self._before_ledger(result)
        provenance = result["tidemark"]
        source = provenance["source"]
        self._ledger.answered((source["topic"], source["partition"], source["offset"]), provenance["worker"],
                              result["error"]["code"] if "error" in result else None)


def backlog(count):
    """A pace that keeps about so many requests open."""
    return lambda open_requests: count - open_requests


class Arrivals:
    """A pace of independent arrivals (a Poisson process), however many requests are open. For one thread."""

    def __init__(self, random, per_second, clock=time.monotonic):
        self._random = random
        self._per_second = per_second
        self._clock = clock
        self._next = clock()

    def __call__(self, open_requests):
        due = 0
        while self._next <= self._clock():
            self._next += self._random.expovariate(self._per_second)
            due += 1
        return due


class RequestSender(threading.Thread):
    """Sends requests and their cancellations at a pace."""

    # the most records at once, so that a long outage does not end in a burst
    BURST = 40
    PAUSE_SECONDS = 0.05

    def __init__(self, brokers, requests, ledger, pace, cancellations="generation-cancellations"):
        """pace: a function of the number of open requests that returns how many to send now; called about every 50 ms"""
        super().__init__(name="requests", daemon=True)
        self._requests = requests
        self._ledger = ledger
        self._pace = pace
        self._cancellations = cancellations
        self._ended = threading.Event()
        self._due = []
        self._extra = []
        self._unsent = 0
        self.failures = []
        self._producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 5,
                                   "message.max.bytes": 5_000_000, "delivery.timeout.ms": 300_000, **QUIET})

    def send_next(self, record):
        """Sends a record before the next request. For any thread."""
        self._extra.append(record)

    def run(self):
        while not self._ended.wait(self.PAUSE_SECONDS):
            while self._extra:
                self._send(self._extra.pop(0))
            for _ in range(min(self.BURST, self._pace(self._ledger.open() + self._unsent))):
                self._send(self._requests.next())
            while self._due and self._due[0][0] <= time.monotonic():
                self._cancel(heapq.heappop(self._due)[2])
            self._producer.poll(0)
        self._producer.flush(120)

    def end(self):
        """Returns when the broker has all records."""
        self._ended.set()
        self.join()

    def _send(self, record):
        self._unsent += 1
        self._producer.produce(record.topic, record.value, record.key, headers=list(record.headers),
                               on_delivery=lambda error, message: self._delivered(record, error, message))

    def _delivered(self, record, error, message):
        self._unsent -= 1
        if error is not None:
            self.failures.append(f"a {record.kind} was not sent: {error}")
            return
        source = (message.topic(), message.partition(), message.offset())
        self._ledger.sent(source, record.kind)
        if record.cancel_after is not None and (record.cancel_by_source or record.id):
            named = dict(zip(("topic", "partition", "offset"), source)) if record.cancel_by_source else None
            value = {"source": named} if named else {"id": record.id}
            heapq.heappush(self._due, (time.monotonic() + record.cancel_after, id(record),
                                       Record(self._cancellations, encode(value), (record.id or "none").encode())))

    def _cancel(self, record):
        self._producer.produce(record.topic, record.value, record.key)


class TableSender(threading.Thread):
    """Writes the records of a table in transactions, one in four of which is aborted: no worker may apply its record."""

    def __init__(self, name, brokers, records, random, seconds):
        """name: of the thread; records: has `next`; seconds: mean time between two records"""
        super().__init__(name=name, daemon=True)
        self._records = records
        self._random = random
        self._seconds = seconds
        self._ended = threading.Event()
        self._config = {"bootstrap.servers": brokers, "transactional.id": f"chaos-{name}", "transaction.timeout.ms": 10_000,
                        **QUIET}
        self.counts = {}

    def run(self):
        producer = None
        while not self._ended.wait(self._random.expovariate(1 / self._seconds)):
            try:
                if producer is None:
                    producer = Producer(self._config)
                    producer.init_transactions(30)
                self._write(producer)
            except (KafkaException, BufferError) as e:
                LOG.debug("a record of the %s was not written: %s", self.name, e)
                producer = None   # the next one ends the open transaction

    def end(self):
        self._ended.set()
        self.join()

    def _write(self, producer):
        record = self._records.next()
        producer.begin_transaction()
        producer.produce(record.topic, record.value, record.key)
        if self._random.random() < 0.25:
            producer.flush(10)   # the record is in the log before the transaction ends
            producer.abort_transaction(30)
            kind = "aborted"
        else:
            producer.commit_transaction(30)
            kind = record.kind
        self.counts[kind] = self.counts.get(kind, 0) + 1


class BatchSender(threading.Thread):
    """Sends validation batches."""

    def __init__(self, brokers, batches, random, seconds):
        """seconds: mean time between two records"""
        super().__init__(name="batches", daemon=True)
        self._batches = batches
        self._random = random
        self._seconds = seconds
        self._ended = threading.Event()
        self._producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "delivery.timeout.ms": 300_000, **QUIET})
        self.counts = {}
        self.failures = []

    def run(self):
        while not self._ended.wait(self._random.expovariate(1 / self._seconds)):
            record = self._batches.next()
            self._producer.produce(record.topic, record.value, record.key, on_delivery=self._delivered)
            self._producer.poll(0)
            self.counts[record.kind] = self.counts.get(record.kind, 0) + 1
        self._producer.flush(120)

    def end(self):
        """Returns when the broker has all records."""
        self._ended.set()
        self.join()

    def _delivered(self, error, message):
        if error is not None:
            self.failures.append(f"a validation batch was not sent: {error}")


class BatchReader(TopicReader):
    """Reads batches, their dead letters and the calibration states, to say whether a batch is open."""

    def __init__(self, brokers, batches="validation-batches", letters="validation-dead-letters", states="calibration-state"):
        self._lock = threading.Lock()
        self._calibrations = Calibrations({name: Schema(name) for name in ("validation-batch", "calibration-state")})
        self._takers = {batches: lambda message: self._calibrations.take_batch(message, True),
                        letters: self._calibrations.take_letter, states: self._calibrations.take_state}
        self._progress = time.monotonic()
        super().__init__("batches-and-states", brokers, list(self._takers))

    def _take(self, message):
        with self._lock:
            self._takers[message.topic()](message)
            self._progress = time.monotonic()

    def open(self):
        """Whether a batch is neither counted nor a dead letter."""
        with self._lock:
            return self._calibrations.open()

    @property
    def seconds_without_record(self):
        with self._lock:
            return time.monotonic() - self._progress


class HostileClient(threading.Thread):
    """
    Sends requests in transactions. It commits some, aborts others, and leaves others open until they time out, which
    hides the records behind them from the workers for 10 to 20 s.
    """

    TIMEOUT_SECONDS = 10
    SHARES = {"committed": 5, "aborted": 3, "left open": 2}

    def __init__(self, brokers, requests, random, ledger, seconds):
        """seconds: mean time between two transactions"""
        super().__init__(name="hostile", daemon=True)
        self._brokers = brokers
        self._requests = requests
        self._random = random
        self._ledger = ledger
        self._seconds = seconds
        self._ended = threading.Event()
        self._left = []      # producers with an open transaction, which must not be destroyed before its timeout
        self._producers = 0
        self.counts = {}

    def run(self):
        producer = None
        while not self._ended.wait(self._random.expovariate(1 / self._seconds)):
            kind = self._random.choices(list(self.SHARES), list(self.SHARES.values()))[0]
            try:
                if producer is None:
                    producer = self._new_producer()
                self._write(producer, kind)
            except (KafkaException, BufferError) as e:
                LOG.debug("the outcome of a transaction of requests is unknown: %s", e)
                kind, producer = "unknown", None
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind == "left open":
                self._left = [*self._left, producer][-4:]
                producer = None

    def end(self):
        self._ended.set()
        self.join()

    def _new_producer(self):
        # each has an id of its own: another one with the same id would end the open transaction
        self._producers += 1
        producer = Producer({"bootstrap.servers": self._brokers, "transactional.id": f"chaos-hostile-{self._producers}",
                             "transaction.timeout.ms": self.TIMEOUT_SECONDS * 1000, **QUIET})
        producer.init_transactions(30)
        return producer

    def _write(self, producer, kind):
        sources = []

        def delivered(error, message):
            if error is None:
                sources.append((message.topic(), message.partition(), message.offset()))

        producer.begin_transaction()
        # records of one key are in one partition, so that an open transaction hides one partition of each topic
        records = [self._requests.next() for _ in range(self._random.randint(1, 5))]
        for record in records:
            producer.produce(record.topic, record.value, records[0].key or b"", headers=list(record.headers), on_delivery=delivered)
        producer.flush(10)   # the records are in the log before the transaction ends
        if kind == "committed":
            producer.commit_transaction(30)
            for source in sources:
                self._ledger.sent(source, "transactional")
        elif kind == "aborted":
            producer.abort_transaction(30)
