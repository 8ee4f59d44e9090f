"""Validation batches that keep a calibrator sweeping during a measurement. Needs confluent-kafka."""
import base64
import hashlib
import itertools
import json
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from harness.process import Failed

AHEAD = 2   # unfinished batches: one is swept, the next one waits
FIELDS = ("prompt", "messages", "tools", "completion")


def examples_of(file):
    """The examples of a JSON-lines file, without fields that a batch does not have."""
    with open(file, encoding="utf-8") as lines:
        return [{name: example[name] for name in FIELDS if name in example} for example in map(json.loads, lines)]


class Examples:
    """Examples for batches: those of a file in turn, or random words."""

    def __init__(self, words, file, count):
        self.words, self.count = words, count
        self.given = itertools.cycle(examples_of(file)) if file else None

    def batch(self):
        return [next(self.given) if self.given else self.random() for _ in range(self.count)]

    def random(self):
        return {"prompt": self.words.text(32), "completion": " " + self.words.text(24)}


class Feed:
    """Batches for the calibrator of one topic prefix."""

    def __init__(self, broker, prefix, adapter, examples, patience):
        self.prefix, self.adapter, self.examples, self.patience = prefix, adapter, examples, patience
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 0, "acks": "all"})
        self.consumer = Consumer({"bootstrap.servers": broker, "log_level": 0, "group.id": "bench-feed", "enable.auto.commit": False,
                                  "isolation.level": "read_committed"})
        self.consumer.assign([TopicPartition(f"{prefix}{topic}", 0, OFFSET_BEGINNING)
                              for topic in ("calibration-state", "validation-dead-letters")])
        self.numbers = itertools.count()
        self.open = {}      # id of the batch in the calibration state → when it was sent
        self.stopped = True

    def begin(self, server, check):
        """Waits until the calibrator is within a batch."""
        self.stopped = False
        already = swept(server)
        while swept(server) == already:
            self.refill(0.05)
            check()

    def refill(self, seconds=0.0):
        """Replaces finished batches, until `stop`. Waits up to the given seconds for a record."""
        record = self.consumer.poll(seconds)
        if record is not None:
            self.take(record)
        while not self.stopped and len(self.open) < AHEAD:
            self.send()
        if self.open and time.monotonic() > min(self.open.values()) + self.patience:
            raise Failed(f"a validation batch was not finished within {self.patience} s")

    def stop(self):
        self.stopped = True

    def drain(self, check):
        """Waits until all batches are finished."""
        while self.open:
            self.refill(0.2)
            check()

    def send(self):
        batch = f"bench-{next(self.numbers)}"
        self.open[digest(batch)] = time.monotonic()
        value = {"batch_id": batch, "adapter": self.adapter, "examples": self.examples.batch()}
        self.producer.produce(f"{self.prefix}validation-batches", key=self.adapter, value=json.dumps(value).encode())
        self.producer.flush(10)

    def take(self, record):
        if record.error():
            raise KafkaException(record.error())
        if record.topic().endswith("dead-letters"):
            raise Failed(f"a validation batch was refused: {dict(record.headers() or [])}")
        for counted in json.loads(record.value())["counted_batches"]:
            self.open.pop(counted.partition(".")[0], None)

    def close(self):
        self.consumer.close()


def swept(server):
    """Number of batches that a calibrator has swept, with the fraction of the current one."""
    return server.metric("tidemark_calibration_runs_total", "tidemark_calibration_progress")


def digest(batch):
    """Id of a batch in the calibration state: the first 12 bytes of the SHA-256 of its batch_id, in base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(batch.encode()).digest()[:12]).decode()
