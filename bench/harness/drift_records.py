"""Sends validation batches and requests for one adapter, and reads all records that tell about its boundary.

Needs confluent-kafka. All times are seconds since the beginning of the run, by the clock of this machine.
"""
import itertools
import json
import time

from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaException, Producer, TopicPartition

from harness.calibration_feed import digest
from harness.process import Failed

FOLLOWED = ("generation-results", "adapter-boundaries", "boundary-decisions", "calibration-state", "validation-dead-letters",
            "generation-dead-letters")


class DriftRecords:
    """The records of a run. `events` has what was sent and read, as lists by kind of event."""

    def __init__(self, broker, prefix, adapter, begun, options, check):
        self.prefix, self.adapter, self.begun, self.options, self.check = prefix, adapter, begun, options, check
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 0, "acks": "all"})
        self.consumer = Consumer({"bootstrap.servers": broker, "log_level": 0, "group.id": "bench", "enable.auto.commit": False,
                                  "isolation.level": "read_committed"})
        self.consumer.assign([TopicPartition(prefix + topic, number, OFFSET_BEGINNING)
                              for topic in FOLLOWED for number in self.partitions_of(prefix + topic)])
        self.events = {"batches": [], "boundaries": [], "decisions": [], "watch": [], "results": []}
        self.open = {}  # id of a request → when it was sent
        self.counted = set()
        self.numbers = itertools.count(1)
        self.prompts = iter(())
        self.next_request = time.monotonic()

    def partitions_of(self, topic):
        found = self.consumer.list_topics(topic, timeout=20).topics[topic].partitions
        if not found:
            raise Failed(f"topic '{topic}' does not exist")
        return sorted(found)

    def now(self):
        return time.time() - self.begun

    @property
    def boundary(self):
        """The last boundary record that was read, None before the first one."""
        return self.events["boundaries"][-1] if self.events["boundaries"] else None

    def batch(self, kind, examples):
        """Sends a batch and returns when a calibrator has counted it."""
        name = f"drift-{len(self.events['batches']) + 1}"
        value = {"batch_id": name, "adapter": self.adapter, "examples": examples}
        self.send("validation-batches", self.adapter, value)
        event = {"kind": kind, "examples": len(examples), "sent": self.now()}
        deadline = time.monotonic() + self.options.patience
        while digest(name) not in self.counted:
            if time.monotonic() > deadline:
                raise Failed(f"batch {name} was not counted within {self.options.patience} s")
            self.step()
        self.events["batches"].append(event | {"counted": self.now()})

    def go_on(self, seconds):
        """Sends requests and reads records for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def drain(self):
        """Waits for the results of all requests."""
        deadline = time.monotonic() + self.options.patience
        while self.open:
            if time.monotonic() > deadline:
                raise Failed(f"{len(self.open)} requests had no result for {self.options.patience} s")
            self.step(requests=False)

    def step(self, requests=True):
        """Sends the next request when it is due, and reads what has arrived. Late requests are left out, not made up."""
        self.check()
        if requests and time.monotonic() >= self.next_request:
            self.next_request = time.monotonic() + self.options.interval
            if len(self.open) < self.options.open_requests:
                self.request()
        for record in self.consumer.consume(100, 0.05):
            if record.error():
                raise KafkaException(record.error())
            self.take(record.topic().removeprefix(self.prefix), record)

    def request(self):
        name = f"drift-{next(self.numbers)}"
        self.open[name] = self.now()
        self.send("generation-requests", name, {"id": name, "model": self.adapter, "prompt": next(self.prompts),
                                                "max_tokens": self.options.new_tokens, "temperature": 0})

    def send(self, topic, key, value):
        failures = []
        self.producer.produce(self.prefix + topic, key=key, value=json.dumps(value).encode(),
                              on_delivery=lambda error, _: failures.append(error) if error else None)
        if self.producer.flush(20) or failures:
            raise Failed(f"a record for '{self.prefix}{topic}' was not delivered: {failures}")

    def take(self, topic, record):
        if topic.endswith("dead-letters"):
            raise Failed(f"a record was refused: {dict(record.headers() or [])}")
        if record.value() is None:
            return
        value, seen = json.loads(record.value()), self.now()
        if topic == "generation-results":
            self.result(value, seen)
        elif value["adapter"] != self.adapter:
            raise Failed(f"a record of '{topic}' names adapter '{value['adapter']}'")
        elif topic == "adapter-boundaries":
            self.events["boundaries"].append({"offset": record.offset(), "written": self.written(record), "seen": seen,
                                              "boundary": value["boundary"], "reason": value["reason"]})
        elif topic == "boundary-decisions":
            self.events["decisions"].append({"seen": seen, "written": self.written(record), **value})
        else:
            self.state(value, seen)

    def result(self, value, seen):
        if "error" in value:
            raise Failed(f"request {value['id']} was answered with an error: {value['error']}")
        told = value["tidemark"]
        self.events["results"].append({"id": value["id"], "sent": self.open.pop(value["id"]), "received": seen,
                                       "boundary": told["boundary"], "offset": told.get("boundary_offset"),
                                       "layers": told["num_layers"]})

    def state(self, value, seen):
        self.counted |= {each.partition(".")[0] for each in value["counted_batches"]}
        watch = (value.get("epoch") or {}).get("watch")
        if watch:
            self.events["watch"].append({"time": seen, "move": watch["move"], "boundary": watch["boundary"],
                                         "value": sum(watch["values"]) / len(watch["values"])})

    def written(self, record):
        kind, milliseconds = record.timestamp()
        if kind == TIMESTAMP_NOT_AVAILABLE:
            raise Failed(f"a record of '{record.topic()}' has no timestamp")
        return milliseconds / 1000 - self.begun

    def close(self):
        self.consumer.close()
