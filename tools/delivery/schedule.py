"""Which fault of a chaos run is next, and when. It begins no fault and reads no clock."""

# the mean time in seconds until the next fault
FAULTS = {"kill": 12, "terminate": 5, "suspend": 12, "broker restart": 10, "broker kill": 10, "scale": 12,
          "large requests": 6, "crashing request": 6, "hanging request": 6}
# faults in random order; at the end of each round one request of PLANTED, in turn
ROUND = ["kill", "kill", "kill", "terminate", "suspend", "broker restart", "broker kill", "scale", "large requests"]
CRASH, HANG, LARGE = "crashing request", "hanging request", "large requests"
GRACEFUL = "broker restart"
PLANTED = (CRASH, HANG)
# these always count as deaths of a worker
DEATHS = ("kill", "suspend")
# these always or sometimes count: a worker cannot commit its release while no broker responds
ENDS = (*DEATHS, "terminate", "scale")
OVERLAP = 0.2          # share of faults that the next one follows at once

# why a fault is deferred
KILLING_REASON = "a crashing or hanging request is open"
SUSPECT_REASON = "a request that does not kill was running alone at a death"


def reason_to_defer(kind, killing, suspect):
    """
    Why a fault may not begin now; None if it may.

    A death while a crashing or hanging request is open could make a second request run alone, and a request that was running
    alone at one death gets `worker_crashed` at the second. The metadata does not record the cause of a death.

    killing: whether a crashing or hanging request is open; suspect: whether another request was running alone at a death
    """
    if killing and kind in (*DEATHS, *PLANTED):
        return KILLING_REASON
    return SUSPECT_REASON if suspect and kind in ENDS else None


class Schedule:
    """Rounds of faults in random order. A deferred fault is the first to begin when it may; others pass it meanwhile."""

    def __init__(self, random, kinds, every=None):
        """kinds: of faults that may occur; every: seconds between two faults, which then never overlap"""
        self._random = random
        self._round = [kind for kind in ROUND if kind in kinds]
        self._last = [kind for kind in PLANTED if kind in kinds]
        self._every = every
        self._queue = []     # (kind, whether it was deferred)
        self.deferred = {}   # number of faults for each reason

    def take(self, held):
        """
        The first fault that may begin, or None. At most two rounds are planned ahead, so that deferred faults do not
        accumulate.

        held: a function that returns why a kind of fault may not begin now, or None
        """
        first = self._first(held)
        if first is None and len(self._queue) <= len(self._round):
            self._queue += [(kind, False) for kind in self._random.sample(self._round, len(self._round)) + self._last[:1]]
            self._last = self._last[1:] + self._last[:1]
            first = self._first(held)
        for n in range(min(1, len(self._queue)) if first is None else first):
            kind, deferred = self._queue[n]
            if not deferred:
                self._queue[n] = (kind, True)
                self.deferred[held(kind)] = self.deferred.get(held(kind), 0) + 1
        return None if first is None else self._queue.pop(first)[0]

    def put_back(self, kind):
        """After a fault that was not possible: it follows those that are planned."""
        self._queue.append((kind, False))

    def seconds_after(self, kind):
        """The time until the next fault."""
        if self._every is not None:
            return self._every
        if self._random.random() < OVERLAP:
            return self._random.uniform(0.3, 1.5)
        return FAULTS[kind] * self._random.uniform(0.7, 1.3)

    def _first(self, held):
        return next((n for n, (kind, _) in enumerate(self._queue) if held(kind) is None), None)
