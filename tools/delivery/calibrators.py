"""Calibrator processes, and validation batches whose outcome is known: a boundary moves, is withdrawn, and moves again.

The demo's adapter `describe-small-data` gains on extraction when its highest layer is cut, and loses on some descriptions.
With the settings below, a handful of examples certifies the cut, and a handful raises the alarm.
"""
import dataclasses
import json
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from calibration import Calibrations, counted_hashes, hash_of
from records import Schema, text
from topic_reader import QUIET, TopicReader
from verify import ALL, Topics
from workers import ROOT, WorkerError

MODEL = ROOT / "demo" / "model"
ADAPTER = ROOT / "demo" / "adapters" / "describe-small-data"
LAYERS = 8
CUT = 7            # the only candidate but 0, which these batches never certify, and all layers
BATCHES, LETTERS, STATES = "validation-batches", "validation-dead-letters", "calibration-state"
BOUNDARIES, DECISIONS = "adapter-boundaries", "boundary-decisions"
GROUP = "tidemark-calibrators"
# an example counts between -0.03 and 0.01 nats, so that few are enough for a move and for an alarm
RULE = {"TIDEMARK_CALIBRATOR_OBJECTIVE": "balanced", "TIDEMARK_CALIBRATOR_CANDIDATES": f"0,{CUT}", "TIDEMARK_CALIBRATOR_MARGIN": "0.02",
        "TIDEMARK_CALIBRATOR_LOSS_CAP": "0.03", "TIDEMARK_CALIBRATOR_GAIN_CAP": "0.01", "TIDEMARK_CALIBRATOR_MIN_SAMPLES": "2",
        "TIDEMARK_CALIBRATOR_MIN_BATCHES": "1", "TIDEMARK_CALIBRATOR_FALSE_ALARM_EXAMPLES": "10",
        # a dropped candidate returns soon
        "TIDEMARK_CALIBRATOR_EPOCH_EXAMPLES": "60"}
PROCESS = {"TIDEMARK_MODEL_DIR": str(MODEL), "TIDEMARK_ENGINE_PROCESSORS": "1",
           "TIDEMARK_ENGINE_KV_BYTES": "64M"}
# a dead calibrator is removed from its group, and its transaction ended, within about two seconds
SOON = {"group.min.session.timeout.ms": 500, "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000}
SOON_MEMBERS = {"KAFKA_SESSION_TIMEOUT_MS": "2000", "KAFKA_HEARTBEAT_INTERVAL_MS": "400"}


def settings(adapters, partitions, **more):
    """The environment of a calibrator of these adapters, which all have the same weights."""
    return {**PROCESS, **RULE, **SOON_MEMBERS, "TIDEMARK_ROLE": "calibrator",
            "TIDEMARK_ADAPTER_LIST": ",".join(f"{name}={ADAPTER}" for name in adapters),
            "TIDEMARK_TOPICS_CALIBRATION_PARTITIONS": str(partitions), **more}


def lines(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def jar_of(folder):
    """The program of an unpacked archive or of a checkout."""
    for inner in ("app", "target/quarkus-app"):
        if (folder / inner / "quarkus-run.jar").is_file():
            return folder / inner / "quarkus-run.jar"
    raise WorkerError(f"neither {folder}/app nor {folder}/target/quarkus-app has quarkus-run.jar")


def _lines(name, numbers):
    lines = (ROOT / "demo" / "data" / name).read_text("utf-8").splitlines()
    return [json.loads(lines[number]) for number in numbers]


def gaining():
    """Examples that gain 0.1 nats or more at the cut, by `bench/bench scores`."""
    return _lines("extract-validation.jsonl", [number for number in range(40) if number != 7])


def losing():
    """Examples that lose 0.04 nats or more at the cut, in `int8` and in `fp32`."""
    return _lines("describe-validation.jsonl", (0, 13, 21, 34, 39, 45, 57, 59, 65, 67, 69, 73, 85, 92, 97))


def varied(example, number):
    """An example with other token ids, and nearly the same differences."""
    return {**example, "prompt": f"{number}. {example['prompt']}"}


def batch(name, adapter, examples):
    return json.dumps({"batch_id": name, "adapter": adapter, "examples": examples}).encode()


def create_topics(brokers, partitions):
    """The topics of the calibrators, so that a program can read and write them before the first calibrator runs."""
    admin = AdminClient({"bootstrap.servers": brokers, **QUIET})
    compact = {"cleanup.policy": "compact", "max.message.bytes": "5242880"}
    delete = {"cleanup.policy": "delete", "max.message.bytes": "5242880"}
    topics = [NewTopic(BATCHES, partitions, -1, config=delete), NewTopic(LETTERS, partitions, -1, config=delete),
              NewTopic(STATES, 1, -1, config=compact), NewTopic(BOUNDARIES, 1, -1, config=compact),
              NewTopic(DECISIONS, 1, -1, config=delete)]
    for future in admin.create_topics(topics).values():
        future.result(30)


def producer(brokers):
    return Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 0, "delivery.timeout.ms": 120_000,
                     **QUIET})


class BatchSender(threading.Thread):
    """Sends batches at a mean rate: adapters and partitions at random, and a kind that the program sets."""

    # shares of the batches
    REPEATED = 0.1   # sent again
    GROUPED, COPIED, LONG = 0.2, 0.1, 0.05

    def __init__(self, brokers, adapters, partitions, random, rate):
        super().__init__(name="batches", daemon=True)
        self._producer = producer(brokers)
        self._adapters = adapters
        self._partitions = partitions
        self._random = random
        self._rate = rate
        self._kinds = {True: gaining(), False: losing()}
        self._ended = threading.Event()
        self._sent = []
        self._number = 0
        self.gaining = dict.fromkeys(adapters, True)
        self.failures = []

    def run(self):
        while not self._ended.wait(self._random.expovariate(self._rate)):
            if self._sent and self._random.random() < self.REPEATED:
                value, adapter = self._random.choice(self._sent)
            else:
                self._number += 1
                adapter = self._random.choice(self._adapters)
                chosen = self._random.sample(self._kinds[self.gaining[adapter]], self._random.randint(2, 4))
                value = batch(f"b-{self._number}", adapter, self._unusual([varied(each, self._number) for each in chosen]))
                self._sent.append((value, adapter))
            self._producer.produce(BATCHES, value, adapter.encode(), partition=self._random.randrange(self._partitions),
                                   on_delivery=self._delivered)
            self._producer.poll(0)
        self._producer.flush(60)

    def _unusual(self, examples):
        """Some batches have a group, also one that was sent before, a copy with other white space, or a long example."""
        if self._random.random() < self.GROUPED:
            group = f"g-{self._random.randint(1, self._number)}"
            examples = [{**each, "group": group} if place else each for place, each in enumerate(examples)]
        if self._random.random() < self.COPIED:
            examples = [*examples, {**examples[0], "prompt": examples[0]["prompt"].replace(" ", "\n ") + " "}]
        if self._random.random() < self.LONG:
            examples = [{"prompt": "long " * 20_000, "completion": " too long"}, *examples]
        return examples

    def _delivered(self, error, message):
        if error is not None:
            self.failures.append(f"a batch was not sent: {error}")

    def end(self):
        self._ended.set()
        self.join()

    @property
    def unique(self):
        return len(self._sent)


class Outcomes(TopicReader):
    """Reads states, dead letters and boundary records, to say which batches are done."""

    def __init__(self, brokers):
        super().__init__("outcomes", brokers, [STATES, LETTERS, BOUNDARIES])
        self._lock = threading.Lock()
        self._counted = set()    # (adapter, hash of the id)
        self._letters = []
        self._last = {}          # adapter -> the last boundary record

    def _take(self, message):
        with self._lock:
            if message.topic() == LETTERS:
                headers = {name: text(value) for name, value in message.headers() or []}
                self._letters.append(headers.get("tidemark.error.code"))
            elif message.value() is not None:
                value = json.loads(message.value())
                if message.topic() == STATES:
                    self._counted.update((value["adapter"], each) for each in counted_hashes(value))
                else:
                    self._last[text(message.key())] = value

    def counted(self, adapter, name):
        with self._lock:
            return (adapter, hash_of(name)) in self._counted

    def count(self):
        """How many batches are counted, and how many are dead letters."""
        with self._lock:
            return len(self._counted), len(self._letters)

    def letters(self):
        with self._lock:
            return list(self._letters)

    def record(self, adapter):
        """The last boundary record of an adapter, or None."""
        with self._lock:
            return self._last.get(adapter)


def committed_offsets(brokers, partitions):
    """The offsets that the group of the calibrators has committed, by partition; below 0 for none."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": GROUP, "enable.auto.commit": False, **QUIET})
    try:
        return {each.partition: each.offset
                for each in consumer.committed([TopicPartition(BATCHES, n) for n in range(partitions)], timeout=10)}
    finally:
        consumer.close()


def has_lag(brokers, partitions):
    """Whether a batch is behind the group's committed offset."""
    ends = ends_of(brokers, BATCHES, partitions)
    return any(offset < ends[partition] for partition, offset in committed_offsets(brokers, partitions).items())


def ends_of(brokers, topic, partitions=1):
    """The end offsets of a topic, by partition."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "ends", "enable.auto.commit": False, **QUIET})
    try:
        return {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in range(partitions)}
    finally:
        consumer.close()


@dataclasses.dataclass(frozen=True)
class Committed:
    """A record that a reader with `read_committed` sees."""
    topic: str
    partition: int
    offset: int
    key: str | None
    value: object        # parsed JSON, or None
    headers: dict
    at: float            # seconds since 1970, by the broker or the sender


def read_all(brokers, seconds=30):
    """
    All committed records of the calibrators' topics, and the judgement of the verifier: a list of texts. Waits for the ends
    of open transactions.
    """
    topics = Topics({"bootstrap.servers": brokers}, [BATCHES, LETTERS, STATES, BOUNDARIES, DECISIONS])
    judge = Calibrations({name: Schema(name) for name in ("validation-batch", "calibration-state", "boundary-record",
                                                          "boundary-decision")})
    take = {BATCHES: lambda message: judge.take_batch(message, True), LETTERS: judge.take_letter, STATES: judge.take_state,
            BOUNDARIES: judge.take_boundary, DECISIONS: judge.take_decision}
    records, found, ends, until = [], [], topics.ends(ALL), time.monotonic() + seconds
    try:
        while topics.unread(ends):
            if time.monotonic() > until:
                raise KafkaException(f"not read after {seconds} s: {topics.unread(ends)}")
            for message in topics.read(0.5):
                take[message.topic()](message)
                records.append(Committed(
                    message.topic(), message.partition(), message.offset(), text(message.key()),
                    None if message.value() is None else json.loads(message.value()),
                    {name: text(value) for name, value in message.headers() or []}, message.timestamp()[1] / 1000))
    finally:
        topics.close()
    judge.judge(lambda kind, what: found.append(f"{kind}: {what}"))
    records.sort(key=lambda record: (record.topic, record.partition, record.offset))
    return records, found, judge.report()
