"""How long requests wait while workers come and go. Nothing here reads a topic or a clock."""
import collections
import dataclasses
import time

from traffic import Ledger


@dataclasses.dataclass
class Entry:
    """A request as its client sees it; times are those of `time.monotonic`."""

    source: tuple            # topic, partition, offset
    kind: str
    sent: float
    answered: float | None = None
    error: str | None = None

    @property
    def wait(self):
        return None if self.answered is None else self.answered - self.sent


class Journal(Ledger):
    """A ledger that keeps when each request was sent and answered. Thread-safe."""

    def __init__(self):
        super().__init__()
        self._entries = {}
        self._early = {}   # results that were read before the acknowledgement of the request

    def sent(self, source, kind):
        super().sent(source, kind)
        now = time.monotonic()
        with self._lock:
            entry = self._entries[source] = Entry(source, kind, now)
            if source in self._early:
                entry.answered, entry.error = now, self._early.pop(source)

    def answered(self, source, worker, error):
        super().answered(source, worker, error)
        now = time.monotonic()
        with self._lock:
            entry = self._entries.get(source)
            if entry is None:
                self._early[source] = error
            elif entry.answered is None:
                entry.answered, entry.error = now, error

    def entries(self):
        """Copies of all entries."""
        with self._lock:
            return [dataclasses.replace(entry) for entry in self._entries.values()]

    def open_before(self, moment):
        """Number of requests without a result that were sent before a time."""
        with self._lock:
            return sum(entry.answered is None and entry.sent < moment for entry in self._entries.values())


def longest_without_result(entries, begin, end):
    """The longest time between two times in which a request was open and none was answered."""
    changes = [(entry.sent, 1) for entry in entries] + [(entry.answered, -1) for entry in entries if entry.answered is not None]
    changes.sort(key=lambda change: (change[0], -change[1]))   # no request is answered before it is sent
    longest, waiting, since = 0.0, 0, None
    for at, change in [*changes, (end, 0)]:
        if at >= end:
            at, change = end, 0
        if waiting and at > begin:
            longest = max(longest, at - max(since, begin))
        if at == end:
            break
        if change < 0 or waiting == 0:
            since = at
        waiting += change
    return longest


class Ownership:
    """The longest time in which a partition had no owner that runs."""

    def __init__(self):
        self._since = {}   # when each partition without an owner lost it
        self.longest = 0.0

    def see(self, partitions, owned, now):
        """partitions: all; owned: those with an owner that runs at a time"""
        for partition in partitions:
            if partition in owned:
                self._since.pop(partition, None)
            else:
                self.longest = max(self.longest, now - self._since.setdefault(partition, now))


def by_partition(entries):
    groups = collections.defaultdict(list)
    for entry in entries:
        groups[entry.source[:2]].append(entry)
    return dict(groups)


@dataclasses.dataclass(frozen=True)
class Restarts:
    """Requests that a second worker started from the beginning."""

    started_again: int   # starts of a request that had text from an earlier start
    discarded: int       # events of all starts but the last
    events: int


def restarts(events, begin, end):
    """
    The restarts between two times, from the events of requests that stream.

    events: (time, id, attempt) in the order of a partition; requests have different ids
    """
    counts = collections.defaultdict(lambda: collections.defaultdict(int))   # id -> attempt -> events
    first = {}                                                              # (id, attempt) -> time
    for at, request, attempt in events:
        counts[request][attempt] += 1
        first.setdefault((request, attempt), at)
    again = discarded = 0
    for request, attempts in counts.items():
        for earlier, later in zip(sorted(attempts), sorted(attempts)[1:]):
            if begin <= first[request, later] < end:
                again += 1
                discarded += attempts[earlier]
    return Restarts(again, discarded, sum(begin <= at < end for at, _, _ in events))
