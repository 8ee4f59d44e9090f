"""A broker, workers, the client that publishes adapters to them, and the results of its requests."""
import collections
import itertools
import json
import threading
import time

from confluent_kafka import Producer

from broker import Cluster, free_ports
from topic_reader import QUIET, TopicReader
from traffic import StateReader
from workers import IMAGE_HEAP, MODEL, START_SECONDS, Launcher, WorkerError, await_condition
from workload import Record, encode

REQUESTS, RESULTS, ADAPTERS = "generation-requests", "generation-results", "adapters"
BASE = MODEL.name
WAIT_SECONDS = 60


class SceneFailed(WorkerError):
    """What a scene requires does not hold."""


class Requests:
    """The steady load: names of the settings, and those that scenes add. Each request has an id of its own."""

    def __init__(self, random, names):
        self._random = random
        self.names = list(names)
        self._numbers = itertools.count()

    def next(self):
        return self.of(self._random.choice(self.names), prefix="load")

    def of(self, model, prefix, **fields):
        """A request of a scene."""
        ident = f"{prefix}-{next(self._numbers)}"
        value = {"id": ident, "model": model, "prompt": "the inn of a friend", "max_tokens": 4, "temperature": 0, **fields}
        return Record(REQUESTS, encode(value), ident.encode(), id=ident)


class Results(TopicReader):
    """The results by id, and the ledger of open requests."""

    def __init__(self, brokers, ledger):
        super().__init__("results", brokers, [RESULTS])
        self._ledger = ledger
        self._changed = threading.Condition()
        self._by_id = {}
        self._first = {}     # digest -> timestamp in milliseconds of its first result

    def _take(self, message):
        value = json.loads(message.value())
        provenance, error = value["tidemark"], value.get("error", {}).get("code")
        source = provenance["source"]
        with self._changed:
            self._by_id[value["id"]] = {**provenance, "error": error}
            if error is None and "adapter_digest" in provenance:
                self._first.setdefault(provenance["adapter_digest"], message.timestamp()[1])
            self._changed.notify_all()
        self._ledger.answered((source["topic"], source["partition"], source["offset"]), provenance["worker"], error)

    def first(self, digest):
        """When the first result of a version was written, in milliseconds; None if there is none yet."""
        with self._changed:
            return self._first.get(digest)

    def of(self, ids, seconds=WAIT_SECONDS):
        """The results of requests, in their order."""
        with self._changed:
            if not self._changed.wait_for(lambda: all(each in self._by_id for each in ids), seconds):
                raise SceneFailed(f"{sum(each not in self._by_id for each in ids)} of {len(ids)} requests have no result after "
                                  f"{seconds} s")
            return [self._by_id[each] for each in ids]

    def errors(self, prefix):
        """Counts of the error codes of the requests whose ids begin so."""
        with self._changed:
            return collections.Counter(each["error"] for ident, each in self._by_id.items()
                                       if ident.startswith(prefix) and each["error"] is not None)


class Publisher:
    """Writes records of adapters, one at a time."""

    def __init__(self, brokers, base):
        self._base = base
        self._producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 0, **QUIET})

    def version(self, name, source, digest, **fields):
        return self.write(name, {"source": source, "digest": digest, "base": self._base, **fields})

    def alias(self, name, weights, sticky=None):
        value = {"targets": [{"adapter": target, "weight": weight} for target, weight in weights.items()]}
        return self.write(name, {**value, "sticky": sticky} if sticky else value)

    def write(self, name, value):
        """The offset of the record, and its timestamp in milliseconds; a tombstone for None."""
        places = []
        self._producer.produce(ADAPTERS, None if value is None else encode(value), name.encode(),
                               on_delivery=lambda error, message: places.append((error, message)))
        self._producer.flush(30)
        if not places or places[0][0] is not None:
            raise SceneFailed(f"the record of '{name}' was not written: {places and places[0][0]}")
        return places[0][1].offset(), places[0][1].timestamp()[1]


class Service:
    """A broker, workers, and the client that reads what they have."""

    def __init__(self, folder, settings, workers, heap=IMAGE_HEAP):
        self.folder = folder
        self._cluster = Cluster(folder / "brokers")
        self._settings, self._count, self._heap = settings, workers, heap
        self._starts = itertools.count(1)
        self.workers = []
        self.states = self.base = self.publisher = None

    @property
    def brokers(self):
        return self._cluster.clients

    def start_brokers(self):
        self._cluster.start()

    def start_workers(self):
        """Returns when all are ready, with the seconds that it took."""
        begin = time.monotonic()
        launcher = Launcher(self.folder, self._cluster.workers, self._settings, heap=self._heap)
        ports = free_ports(self._count)
        number = next(self._starts)
        names = [f"worker-{number}-{n + 1}" for n in range(self._count)]
        self.workers = [launcher.start(name, port, name) for name, port in zip(names, ports)]
        self.wait(lambda: all(worker.is_ready() for worker in self.workers), "not all workers are ready", START_SECONDS)
        seconds = time.monotonic() - begin
        if self.states is None:
            self.states = StateReader(self.brokers)
            self.states.start()
        self.wait(lambda: all(worker.name in self.states.states() for worker in self.workers), "a worker has no state")
        self.base = self.states.base()   # a worker that ends removes its state
        self.publisher = Publisher(self.brokers, self.base)
        return seconds

    def stop_workers(self):
        for worker in self.workers:
            worker.terminate()
        self.wait(lambda: not any(worker.alive for worker in self.workers), "a worker has not ended after SIGTERM")

    def wait(self, condition, what, seconds=WAIT_SECONDS):
        await_condition(condition, self.workers, what, seconds, poll_seconds=0.02)

    def adapters(self, name):
        """What each worker has of a name."""
        return [self.states.adapter(worker.name, name) for worker in self.workers]

    def wait_applied(self, offset):
        """Returns when all workers have applied the record at an offset."""
        self.wait(lambda: all(self.states.states()[worker.name]["adapters_offset"] > offset for worker in self.workers),
                  f"not all workers have applied the record at offset {offset}")

    def wait_served(self, name, offset):
        """Returns when requests to all workers get the record at an offset."""
        self.wait(lambda: all(adapter.get("offset") == offset for adapter in self.adapters(name)),
                  f"not all workers serve '{name}' of offset {offset}: {self.adapters(name)}")

    def kill(self):
        for worker in self.workers:
            worker.kill()
        self._cluster.kill()


def require(holds, what):
    if not holds:
        raise SceneFailed(what)
