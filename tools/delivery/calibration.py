"""What the verifier knows about calibration: batches, dead letters, states, and the boundaries that follow from them.

Nothing here reads a topic. The rules are those of docs/calibration.md; the code is not shared with the calibrators.
"""
import base64
import bisect
import collections
import hashlib
import itertools
import math
import sys

from records import parse_json, place, text

KINDS = {
    "batch_missing": "validation batches that no state counts, without a dead letter",
    "batch_repeated": "validation batches counted more than once, or with more than one dead letter",
    "batch_unknown": "counted batches or dead letters whose batch does not exist",
    "batch_wrong": "validation batches counted although they are invalid or a dead letter",
    "batch_lost": "calibration states without a batch that the state before had counted",
    "state_out_of_schema": "calibration states out of schema",
    "state_miscounted": "calibration states whose number of examples is not that of their batches",
    "wrong_decision": "boundary records of calibrators that do not follow from the states",
    "decision_missing": "counted batches without a boundary record, although there are enough samples",
}
MAX_COUNTED = 2048   # batches that a state lists
TIE_NATS = 1e-6
ROUNDING = 1e-9      # of a mean, in nats


def hash_of(batch_id):
    """The form in which a state lists a batch."""
    return base64.urlsafe_b64encode(hashlib.sha256(batch_id.encode("utf-8", "surrogatepass")).digest()[:12]).decode()


class Statistics:
    """Number, means and co-moments of example scores at the boundaries 0 to L."""

    __slots__ = ("count", "means", "comoments")

    def __init__(self, count, means, comoments):
        if len(comoments) != len(means) * (len(means) + 1) // 2:
            raise ValueError(f"{len(comoments)} comoments for {len(means)} boundaries")
        self.count, self.means, self.comoments = count, means, comoments

    def merge(self, other):
        """The statistics of the union of both sets of examples."""
        if not self.count or not other.count:
            return self if self.count else other
        total = self.count + other.count
        delta = [theirs - mine for mine, theirs in zip(self.means, other.means)]
        share = other.count / total
        pairs = itertools.combinations_with_replacement(range(len(delta)), 2)
        return Statistics(
            total, [mean + d * share for mean, d in zip(self.means, delta)],
            [mine + theirs + delta[a] * delta[b] * share * self.count
             for (a, b), mine, theirs in zip(pairs, self.comoments, other.comoments)])

    def loss(self, boundary, reference):
        return self.means[reference] - self.means[boundary]

    def standard_error(self, a, b):
        if a == b:
            return 0.0
        if self.count < 2:
            return math.inf
        squares = max(0.0, self._comoment(a, a) + self._comoment(b, b) - 2 * self._comoment(min(a, b), max(a, b)))
        return math.sqrt(squares / (self.count - 1) / self.count)

    def choice(self, objective, slack=0.0):
        """
        The boundary that an objective chooses; None for an unknown objective. {slack} is added to the tolerated
        difference.
        """
        full, tie = len(self.means) - 1, TIE_NATS + slack
        best = next(b for b, mean in enumerate(self.means) if mean >= max(self.means) - tie)
        name, _, nats = objective.partition(":")
        if name == "quality":
            return best
        if name == "balanced":
            accepted = (lambda b: self.loss(b, best) <= self.standard_error(b, best) + tie) if self.count > 1 else best.__eq__
        elif name == "latency":
            accepted = lambda b: self.loss(b, full) <= tie   # noqa: E731
        elif name == "tolerance" and is_number(nats):
            quantile, limit = student(self.count - 1), float(nats)
            accepted = lambda b: self.loss(b, full) + quantile * self.standard_error(b, full) <= limit + tie   # noqa: E731
        else:
            return None
        return next((b for b in range(full) if accepted(b)), full)

    def choices(self, objective):
        """What the objective may choose, given that sums in another order differ by rounding."""
        return {self.choice(objective, slack) for slack in (-ROUNDING, 0.0, ROUNDING)}

    def _comoment(self, a, b):
        return self.comoments[a * len(self.means) - a * (a - 1) // 2 + b - a]


def is_number(written):
    try:
        return math.isfinite(float(written))
    except ValueError:
        return False


def student(degrees):
    """The 0.975 quantile of Student's t: the table up to 4 degrees of freedom, then Abramowitz and Stegun 26.7.5."""
    if degrees <= 4:
        return {2: 4.3027, 3: 3.1824, 4: 2.7764}.get(degrees, 12.7062)
    z, v = 1.959963984540054, degrees
    return (z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2)
            + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * v ** 3)
            + (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * v ** 4))


class Batch:
    """A record of the topic of validation batches, without its examples."""

    __slots__ = ("place", "partition", "adapter", "hash", "examples", "bad", "judged")

    def __init__(self, message, schema, judged):
        self.place = place(message.topic(), message.partition(), message.offset())
        self.partition, self.judged = message.partition(), judged
        self.adapter = self.hash = None
        self.examples = 0
        try:
            value = parse_json(message.value())
        except ValueError as e:
            self.bad = str(e)
            return
        self.bad = schema.fault(value)
        if self.bad is None:
            self.adapter, self.hash = sys.intern(value["adapter"]), hash_of(value["batch_id"])
            self.examples = len(value["examples"])


class State:
    """A record of the topic of calibration states."""

    __slots__ = ("offset", "key", "adapter", "partition", "version", "statistics", "counted", "claims", "claimed_at", "added")

    def __init__(self, offset, key, value):
        self.offset, self.key = offset, key
        self.adapter, self.partition = sys.intern(value["adapter"]), value["input_partition"]
        statistics = value["statistics"]
        self.statistics = Statistics(statistics["count"], statistics["means"], statistics["comoments"])
        self.version = (value["adapter_digest"], value["base_model"], value.get("base_digest"), value.get("compute_type"),
                        len(self.statistics.means) - 1)
        self.counted = value["counted_batches"]
        self.claims = value["claim"]["batch"] if value.get("claim") else None
        self.claimed_at = offset   # the offset of the state from which on the other states were read
        self.added = ()            # the batches that the state before had not counted

    def __str__(self):
        return f"state '{self.key}' at offset {self.offset}"


class Decision:
    """A boundary record that a calibrator has written: one with an objective and a number of samples."""

    __slots__ = ("offset", "adapter", "boundary", "objective", "samples", "curve", "digest", "base", "base_digest", "layers")

    def __init__(self, offset, value):
        self.offset, self.adapter, self.boundary = offset, value["adapter"], value["boundary"]
        self.objective, self.samples, self.curve = value["objective"], value["samples"], value.get("curve") or []
        self.digest, self.base = value.get("adapter_digest"), value.get("base_model")
        self.base_digest, self.layers = value.get("base_digest"), value.get("num_layers")

    def is_for(self, version):
        digest, base, base_digest, _, layers = version
        return (self.digest, self.base, self.layers) == (digest, base, layers) and base_digest in (None, self.base_digest)

    def __str__(self):
        return f"boundary record of '{self.adapter}' at offset {self.offset}"


class Calibrations:
    """Collects the records of the calibrators' topics, then judges each batch and each decision."""

    def __init__(self, schemas, min_samples):
        """schemas: Schema by name; min_samples: the calibrators' tidemark.calibrator.min-samples"""
        self._schemas = schemas
        self._min_samples = min_samples
        self._batches = {}                                # place -> Batch
        self._letters = collections.defaultdict(list)     # place of the batch -> places of its dead letters
        self._states = collections.defaultdict(list)      # key -> State, or None for a tombstone, by offset
        self._counted = set()                             # (adapter, hash) in any state
        self._decisions = []
        self._pinned = set()
        self._broken = []

    def take_batch(self, message, judged):
        """judged: False for a batch that was written after the verification had begun"""
        batch = Batch(message, self._schemas["validation-batch"], judged)
        self._batches[batch.place] = batch

    def take_letter(self, message):
        headers = {name: text(value) for name, value in message.headers() or []}
        source = "-".join(str(headers.get(f"tidemark.source.{part}")) for part in ("topic", "partition", "offset"))
        self._letters[source].append(f"{message.topic()}-{message.partition()}@{message.offset()}")

    def take_state(self, message):
        key = text(message.key())
        if message.value() is None:
            self._states[key].append(None)
            return
        try:
            value = parse_json(message.value())
            fault = self._schemas["calibration-state"].fault(value)
            state = None if fault else State(message.offset(), key, value)
        except ValueError as e:
            fault, state = str(e), None
        if fault:
            self._broken.append(f"state '{key}' at offset {message.offset()}: {fault}")
            return
        before = self._states[key][-1] if self._states[key] else None
        if before is not None and before.version == state.version:
            known = set(before.counted)
            state.added = tuple(each for each in state.counted if each not in known)
            if state.added and before.claims in state.added:
                state.claimed_at = before.claimed_at
        else:
            state.added = tuple(state.counted)
        self._states[key].append(state)
        self._counted.update((state.adapter, each) for each in state.counted)

    def take_boundary(self, message):
        """Records that do not conform to the schema cannot be those of a calibrator that is correct."""
        try:
            value = parse_json(message.value())
        except ValueError:
            return
        if self._schemas["boundary-record"].fault(value) is not None:
            return
        if value.get("pinned"):
            self._pinned.add(value["adapter"])
        elif value.get("objective") is not None and value.get("samples") is not None:
            self._decisions.append(Decision(message.offset(), value))

    def open(self):
        """Whether a batch is neither counted nor a dead letter."""
        return any(batch.judged and not self._done(batch) for batch in self._batches.values())

    def judge(self, add):
        """add: takes a kind of {KINDS} and a text"""
        for fault in self._broken:
            add("state_out_of_schema", fault)
        self._judge_batches(add)
        self._judge_states(add)
        self._judge_decisions(add)

    def report(self):
        counted = {(batch.adapter, batch.hash) for batch in self._batches.values() if batch.bad is None} & self._counted
        return {"batches": len(self._batches), "counted": len(counted), "dead_letters": sum(map(len, self._letters.values())),
                "decisions": len(self._decisions)}

    # batches

    def _done(self, batch):
        return batch.place in self._letters or batch.bad is None and (batch.adapter, batch.hash) in self._counted

    def _judge_batches(self, add):
        copies = collections.Counter((batch.adapter, batch.hash) for batch in self._batches.values() if batch.bad is None)
        for batch in self._batches.values():
            if batch.judged and not self._done(batch):
                add("batch_missing", f"batch {batch.place} of '{batch.adapter}'" + (f": {batch.bad}" if batch.bad else ""))
            name = batch.adapter, batch.hash
            # a copy may be a dead letter of its own; the only record of a batch is one or the other
            if batch.bad is None and copies[name] == 1 and name in self._counted and batch.place in self._letters:
                add("batch_wrong", f"batch {batch.place} of '{batch.adapter}' is counted and has a dead letter")
        for source, letters in self._letters.items():
            if source not in self._batches:
                add("batch_unknown", f"{letters[0]} names {source}")
            elif len(letters) > 1:
                add("batch_repeated", f"batch {source}: dead letters {', '.join(letters)}")

    # states

    def _judge_states(self, add):
        records = collections.defaultdict(dict)   # (adapter, hash) -> partition -> number of examples
        for batch in self._batches.values():
            if batch.bad is None:
                records[batch.adapter, batch.hash].setdefault(batch.partition, batch.examples)
        holders = collections.defaultdict(list)   # (adapter, version, hash) -> keys of the last states
        for key, states in self._states.items():
            for before, state in zip([None, *states], states):
                if state is None:
                    continue
                self._judge_state(before, state, records, add)
            if states[-1] is not None:
                for each in states[-1].counted:
                    holders[states[-1].adapter, states[-1].version, each].append(key)
        for (adapter, _, each), keys in holders.items():
            if len(keys) > 1:
                add("batch_repeated", f"batch {each} of '{adapter}' is counted by {', '.join(keys)}")

    @staticmethod
    def _judge_state(before, state, records, add):
        if before is not None and before.version == state.version and len(state.counted) < MAX_COUNTED:
            lost = set(before.counted) - set(state.counted)
            if lost:
                add("batch_lost", f"{state}: {', '.join(sorted(lost))}")
        unknown = [each for each in state.added if state.partition not in records[state.adapter, each]]
        for each in unknown:
            add("batch_unknown", f"{state} counts {each}, which is no valid batch of partition {state.partition}")
        examples = [records[state.adapter, each].get(state.partition) for each in state.counted]
        if None not in examples and len(examples) < MAX_COUNTED and sum(examples) != state.statistics.count:
            add("state_miscounted", f"{state} has {state.statistics.count} examples; its batches have {sum(examples)}")

    # decisions

    def _judge_decisions(self, add):
        histories = collections.defaultdict(list)   # adapter -> histories of its keys
        for states in self._states.values():
            known = [state for state in states if state is not None]
            if known:
                histories[known[0].adapter].append(known)
        open_states = {}   # (key, offset) -> (state, merged statistics that it can have been decided with)
        for of_adapter in histories.values():
            for states in of_adapter:
                for state in states:
                    if state.added:
                        open_states[state.key, state.offset] = state, self._merged(state, of_adapter)
        for decision in self._decisions:
            self._judge_decision(decision, open_states, add)
        for state, merged in open_states.values():
            if state.adapter not in self._pinned and min(each.count for each in merged) >= self._min_samples:
                add("decision_missing", f"{state}")

    def _judge_decision(self, decision, open_states, add):
        """A decision takes its state away, since a batch leads to one boundary record."""
        for name, (state, merged) in open_states.items():
            if state.adapter != decision.adapter or not decision.is_for(state.version):
                continue
            statistics = next((each for each in merged if self._matches(decision, each)), None)
            if statistics is None:
                continue
            del open_states[name]
            choices = statistics.choices(decision.objective)
            if statistics.count < self._min_samples:
                add("wrong_decision", f"{decision}: {statistics.count} samples are fewer than {self._min_samples}")
            elif decision.boundary not in choices:
                add("wrong_decision", f"{decision}: boundary {decision.boundary}, but {decision.objective} chooses "
                                      f"{statistics.choice(decision.objective)} with {state}")
            return
        add("wrong_decision", f"{decision}: no state has these {decision.samples} samples and this curve")

    @staticmethod
    def _matches(decision, statistics):
        return statistics.count == decision.samples and len(decision.curve) == len(statistics.means) and all(
            math.isclose(mine, theirs, rel_tol=ROUNDING, abs_tol=ROUNDING)
            for mine, theirs in zip(decision.curve, statistics.means))

    @staticmethod
    def _merged(state, of_adapter):
        """
        The statistics of all partitions that a calibrator can have merged when it wrote a state. It reads the states of
        other partitions at some time between its claim and the new state.
        """
        sources = []
        for states in of_adapter:
            if states[0].key == state.key:
                sources.append([state])
                continue
            start = bisect.bisect_left([each.offset for each in states], state.claimed_at)
            known = [each for each in states[max(0, start - 1):] if each.offset < state.offset and each.version == state.version]
            candidates = list({each.statistics.count: each for each in known}.values())
            if candidates and candidates[0].offset < state.claimed_at:
                sources.append(candidates)
            elif candidates:
                sources.append([None, *candidates])
        merged = []
        for chosen in itertools.product(*sources):
            total = None
            for each in sorted((each for each in chosen if each is not None), key=lambda each: (each.partition, each.key)):
                total = each.statistics if total is None else total.merge(each.statistics)
            merged.append(total)
        return merged
