"""What the verifier knows about calibration: batches, dead letters, states, and the boundaries that follow from them.

Nothing here reads a topic. The rules are those of docs/calibration-rule.md; the code is not shared with the calibrators.
"""
import base64
import bisect
import collections
import hashlib
import itertools
import json
import math
import sys
import unicodedata

from records import parse_json, place, text

KINDS = {
    "batch_missing": "validation batches that no state counts, without a dead letter",
    "batch_repeated": "validation batches counted more than once, or with more than one dead letter",
    "batch_unknown": "counted batches or dead letters whose batch does not exist",
    "batch_wrong": "validation batches counted although they are invalid or a dead letter",
    "batch_lost": "calibration states without a batch that the state before had counted",
    "state_out_of_schema": "calibration states and decisions out of schema",
    "state_miscounted": "calibration states whose number of examples does not follow from their batches",
    "wrong_decision": "decisions that do not follow from the states, and boundary records without a decision",
    "decision_missing": "published decisions on another boundary without its boundary record",
}
MAX_COUNTED = 512    # batches that a state lists
MAX_BYTES = 65_536   # of a state
TIE_NATS = 1e-6
ROUNDING = 1e-9      # of a mean, in nats
WEIGHTS = (0.5, 0.2, 0.1, 0.1, 0.1)   # of the bets
FILTERED = 0.01      # examples that the filter may skip; it skips 0.3% at most
# reasons with another boundary
MOVE = "preferred"
WITHDRAWALS = ("alarm", "stricter_settings", "overtaken")
VERSION = ("adapter_digest", "base_model", "base_digest", "compute_type", "num_layers")


def hash_of(batch_id):
    """The form in which a claim names a batch."""
    return base64.urlsafe_b64encode(hashlib.sha256(batch_id.encode("utf-8", "surrogatepass")).digest()[:12]).decode()


def counted_hashes(state):
    """The hashes of the batches that a state lists, each of them before the digest of its examples."""
    return [each.partition(".")[0] for each in state["counted_batches"]]


def log_e(sums):
    """The logarithm of the weighted sum of the exponentials of five sums."""
    largest = max(sums)
    return largest + math.log(sum(w * math.exp(each - largest) for w, each in zip(WEIGHTS, sums)))


def threshold(tested, epoch, alpha):
    return math.log(tested * epoch * (epoch + 1) / alpha)


def choice(objective, margin, means, eligible, slack=0.0):
    """
    The boundary that an objective chooses; None for an unknown objective.

    means: boundary -> mean; eligible: boundaries, ascending; slack: added to the accepted loss
    """
    name, _, nats = objective.partition(":")
    if name == "quality":
        accepted = 0.0
    elif name == "balanced":
        accepted = margin
    elif name == "latency" or name == "tolerance" and is_number(nats):
        accepted = math.inf
    else:
        return None
    best = max(means[b] for b in eligible)
    return next(b for b in eligible if best - means[b] <= accepted + TIE_NATS + slack)


def is_number(written):
    try:
        return math.isfinite(float(written))
    except ValueError:
        return False


def close(mine, theirs, rounding=ROUNDING):
    return math.isclose(mine, theirs, rel_tol=rounding, abs_tol=rounding)


def collapsed(value):
    """A JSON value whose texts are in normalization form C, with each run of white space as one space."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    if isinstance(value, list):
        return [collapsed(each) for each in value]
    return {name: collapsed(each) for name, each in value.items()} if isinstance(value, dict) else value


def identity(example):
    """What makes two examples the same."""
    return hash(json.dumps([collapsed(example.get(name)) for name in ("prompt", "messages", "tools", "completion")],
                           sort_keys=True))


class Counted:
    """What a state counts in its epoch, or several states together."""

    __slots__ = ("epoch", "start", "dropped", "test", "examples", "scored", "batches", "uncounted", "means", "sums", "capped")

    def __init__(self, epoch, start, dropped, test, examples, scored, batches, uncounted, means, sums, capped):
        self.epoch, self.start, self.dropped, self.test = epoch, start, dropped, test
        self.examples, self.scored, self.batches, self.uncounted = examples, scored, batches, uncounted
        self.means, self.sums, self.capped = means, sums, capped
        if len(means) != len(self.boundaries) or len(sums) != 5 * len(capped) or len(capped) != len(means) - 1:
            raise ValueError(f"{len(means)} means and {len(sums)} sums for {len(self.boundaries)} boundaries")
        if scored > examples:
            raise ValueError(f"{scored} of {examples} examples are scored")

    @classmethod
    def of(cls, value):
        start = sorted({*value["candidates"], *([value["kept"]] if value.get("kept") is not None else [])})
        dropped = [row["boundary"] for row in value.get("dropped") or []]
        if not set(dropped) <= set(start[:-1]):
            raise ValueError(f"dropped {dropped} of {start}")
        uncounted = value["uncounted"]
        return cls(value["epoch"], start, frozenset(dropped), tuple(value["test"][name] for name in ("margin", "loss_cap", "gain_cap")),
                   value["examples"], value["statistics"]["count"], value["batches"],
                   tuple(uncounted[name] for name in ("repeats", "repeated_groups", "refused")),
                   value["statistics"]["means"], value["sums"], value["capped"])

    @property
    def boundaries(self):
        """The boundaries that are scored, ascending."""
        return [each for each in self.start if each not in self.dropped]

    def agrees(self, other):
        return (self.epoch, self.start, self.test) == (other.epoch, other.start, other.test)

    def without(self, dropped):
        """The same examples, at fewer boundaries."""
        places = [place for place, each in enumerate(self.boundaries) if each not in dropped]
        return Counted(self.epoch, self.start, self.dropped | dropped, self.test, self.examples, self.scored, self.batches,
                       self.uncounted, [self.means[place] for place in places],
                       [each for place in places[:-1] for each in self.sums[5 * place:5 * place + 5]],
                       [self.capped[place] for place in places[:-1]])

    def merge(self, other):
        mine, theirs = self.without(other.dropped), other.without(self.dropped)
        total = mine.scored + theirs.scored
        means = [(a * mine.scored + b * theirs.scored) / total for a, b in zip(mine.means, theirs.means)] if total else mine.means
        return Counted(self.epoch, self.start, mine.dropped, self.test, self.examples + other.examples, total,
                       self.batches + other.batches, tuple(a + b for a, b in zip(self.uncounted, other.uncounted)), means,
                       [a + b for a, b in zip(mine.sums, theirs.sums)], [a + b for a, b in zip(mine.capped, theirs.capped)])

    def log_e(self, place):
        return log_e(self.sums[5 * place:5 * place + 5])


class Batch:
    """A record of the topic of validation batches, with hashes of its examples."""

    __slots__ = ("place", "partition", "adapter", "hash", "examples", "groups", "size", "bad", "judged")

    def __init__(self, message, schema, judged):
        self.place = place(message.topic(), message.partition(), message.offset())
        self.partition, self.judged = message.partition(), judged
        self.adapter = self.hash = None
        self.examples = frozenset()   # identities of the examples without a group
        self.groups = {}              # name -> identities
        self.size = 0
        try:
            value = parse_json(message.value())
        except ValueError as e:
            self.bad = str(e)
            return
        self.bad = schema.fault(value)
        if self.bad is None:
            self.adapter, self.hash = sys.intern(value["adapter"]), hash_of(value["batch_id"])
            self.size = len(value["examples"])
            self.examples = frozenset(identity(each) for each in value["examples"] if each.get("group") is None)
            for each in value["examples"]:
                if each.get("group") is not None:
                    self.groups.setdefault(sys.intern(each["group"]), set()).add(identity(each))


class State:
    """A record of the topic of calibration states."""

    __slots__ = ("offset", "key", "adapter", "partition", "version", "epoch", "counted", "claims", "claimed_at", "added",
                 "expected_key")

    def __init__(self, offset, key, value):
        self.offset, self.key = offset, key
        self.adapter, self.partition = sys.intern(value["adapter"]), value["input_partition"]
        self.epoch = Counted.of(value["epoch"]) if value.get("epoch") is not None else None
        self.version = tuple(value["version"][name] for name in VERSION)
        self.expected_key = "/".join([self.adapter, str(self.partition), *(value["version"][name] for name in (
            "adapter_digest", "base_digest", "compute_type"))])
        self.counted = counted_hashes(value)
        self.claims = value["claim"]["batch"] if value.get("claim") else None
        self.claimed_at = offset   # the offset of the state from which on the other states were read
        self.added = ()            # the batches that the state before had not counted

    def __str__(self):
        return f"state '{self.key}' at offset {self.offset}"


class Decision:
    """A record of the topic of decisions, or a boundary record of a calibrator: both name a batch."""

    __slots__ = ("offset", "value", "is_record")

    def __init__(self, offset, value, is_record):
        self.offset, self.value, self.is_record = offset, value, is_record

    @property
    def name(self):
        """What a boundary record and its decision have in common."""
        v = self.value
        decision = v["decision"] if self.is_record else v
        evidence = decision["evidence"]
        # the epoch of a decision that ends one is that of its evidence; the record has the next one
        return (v["adapter"], v["version"]["adapter_digest"], evidence["topic"], evidence["partition"], evidence["offset"],
                v["boundary"], v["reason"], decision["move"])

    @property
    def version(self):
        return tuple(self.value["version"][name] for name in VERSION)

    def __str__(self):
        return f"{'boundary record' if self.is_record else 'decision'} of '{self.value['adapter']}' at offset {self.offset}"


class Calibrations:
    """Collects the records of the calibrators' topics, then judges each batch and each decision."""

    def __init__(self, schemas):
        """schemas: Schema by name"""
        self._schemas = schemas
        self._batches = {}                                # place -> Batch
        self._letters = collections.defaultdict(list)     # place of the batch -> places of its dead letters
        self._states = collections.defaultdict(list)      # key -> State, or None for a tombstone, by offset
        self._counted = set()                             # (adapter, hash) in any state
        self._records = []                                # boundary records of calibrators
        self._decisions = []
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
            if fault is None and len(message.value()) > MAX_BYTES:
                fault = f"{len(message.value())} bytes"
            state = None if fault else State(message.offset(), key, value)
            if state is not None and key != state.expected_key:
                fault = f"its key should be '{state.expected_key}'"
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
        if value.get("writer") == "calibrator":
            self._records.append(Decision(message.offset(), value, True))

    def take_decision(self, message):
        try:
            value = parse_json(message.value())
            fault = self._schemas["boundary-decision"].fault(value)
        except ValueError as e:
            fault = str(e)
        if fault:
            self._broken.append(f"decision at offset {message.offset()}: {fault}")
        elif value.get("evidence") is not None:           # a reset of an operator has none
            self._decisions.append(Decision(message.offset(), value, False))

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
                "decisions": len(self._decisions), "boundary_records": len(self._records)}

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
        records = collections.defaultdict(dict)   # (adapter, hash) -> partition -> Batch
        owners = collections.defaultdict(set)     # (adapter, example or name of a group) -> hashes of the batches that have it
        for batch in self._batches.values():
            if batch.bad is None:
                records[batch.adapter, batch.hash].setdefault(batch.partition, batch)
                for each in itertools.chain(batch.examples, batch.groups, *batch.groups.values()):
                    owners[batch.adapter, each].add(batch.hash)
        holders = collections.defaultdict(list)   # (adapter, version, hash) -> keys of the last states
        for key, states in self._states.items():
            for before, state in zip([None, *states], states):
                if state is None:
                    continue
                self._judge_state(before, state, records, owners, add)
            if states[-1] is not None:
                for each in states[-1].counted:
                    holders[states[-1].adapter, states[-1].version, each].append(key)
        for (adapter, _, each), keys in holders.items():
            if len(keys) > 1:
                add("batch_repeated", f"batch {each} of '{adapter}' is counted by {', '.join(keys)}")

    @staticmethod
    def _judge_state(before, state, records, owners, add):
        if before is not None and before.version == state.version and len(state.counted) < MAX_COUNTED:
            lost = set(before.counted) - set(state.counted)
            if lost:
                add("batch_lost", f"{state}: {', '.join(sorted(lost))}")
        unknown = [each for each in state.added if state.partition not in records[state.adapter, each]]
        for each in unknown:
            add("batch_unknown", f"{state} counts {each}, which is no valid batch of partition {state.partition}")
        if state.epoch is None or unknown or len(state.counted) >= MAX_COUNTED:
            return
        goes_on = before is not None and before.version == state.version and before.epoch is not None \
            and before.epoch.agrees(state.epoch)
        base = before.epoch if goes_on else None
        new = state.epoch.examples - (base.examples if goes_on else 0)
        repeats, _, refused = (mine - theirs for mine, theirs in zip(state.epoch.uncounted, base.uncounted if goes_on else (0, 0, 0)))
        batches = [records[state.adapter, each][state.partition] for each in state.added]

        def is_own(each):
            return len(owners[state.adapter, each]) == 1
        most = sum(len(each.examples) + len(each.groups) for each in batches)
        own = sum(sum(map(is_own, each.examples))
                  + sum(is_own(name) and any(map(is_own, examples)) for name, examples in each.groups.items()) for each in batches)
        least = own - math.floor(own * FILTERED) - refused if goes_on else 0
        if not least <= new <= most:
            add("state_miscounted", f"{state} counts {new} more examples; its new batches have {most}, {own} of them only there")
        sizes = sum(each.size for each in batches)
        if least <= new <= most and goes_on and batches and not any(each.groups for each in batches) and new + repeats + refused != sizes:
            add("state_miscounted", f"{state} has {new} more examples, {repeats} repeats and {refused} refused ones; its new batches"
                                    f" have {sizes}")

    # decisions

    def _judge_decisions(self, add):
        histories = collections.defaultdict(list)   # adapter -> histories of its keys
        for states in self._states.values():
            known = [state for state in states if state is not None]
            if known:
                histories[known[0].adapter].append(known)
        hashes = {batch.place: batch.hash for batch in self._batches.values() if batch.bad is None}
        for decision in self._decisions:
            fault = self._fault(decision.value) or self._unmatched(decision, histories[decision.value["adapter"]], hashes)
            if fault:
                add("wrong_decision", f"{decision}: {fault}")
        published = {each.name for each in self._decisions if each.value["published"]}
        written = {each.name for each in self._records}
        for record in self._records:
            if record.name not in published:
                add("wrong_decision", f"{record}: no published decision has its batch, boundary, reason and move")
        # several decisions of one transaction have one record, that of the last one
        last = {}
        for each in self._decisions:
            if each.value["published"] and each.value["reason"] in (MOVE, *WITHDRAWALS):
                last[each.name[:5]] = each
        for each in last.values():
            if each.name not in written:
                add("decision_missing", f"{each}: no boundary record follows from it")

    @staticmethod
    def _fault(v):
        """What contradicts the rule within a decision; None if nothing does."""
        rows, certification = v["boundaries"], v["certification"]
        if len(rows) - 1 + len(v["dropped"]) != certification["tested"]:
            return f"{certification['tested']} tested boundaries, and evidence for {len(rows) - 1} and {len(v['dropped'])} dropped ones"
        if {row["boundary"] for row in rows} & {row["boundary"] for row in v["dropped"]}:
            return "a dropped boundary is scored"
        expected = threshold(certification["tested"], v["epoch"]["number"], certification["alpha"])
        if not close(certification["threshold"], expected):
            return f"threshold {certification['threshold']}, not {expected}"
        for row in rows[:-1]:
            if not close(row["log_e"], log_e(row["sums"])):
                return f"ln E {row['log_e']} of boundary {row['boundary']}, but its sums give {log_e(row['sums'])}"
            if row["certified"] != (row["log_e"] >= certification["threshold"]):
                return f"boundary {row['boundary']} is {'' if row['certified'] else 'not '}certified with ln E {row['log_e']}"
        if rows[-1]["boundary"] != v["version"]["num_layers"] or not rows[-1]["certified"]:
            return "full LoRA is not the last boundary, or not certified"
        if v["reason"] == MOVE:
            means = {row["boundary"]: row["mean"] for row in rows}
            eligible = [row["boundary"] for row in rows if row["certified"] or row["boundary"] == v["before"]]
            chosen = {choice(v["objective"], v["test"]["margin"], means, eligible, slack) for slack in (-ROUNDING, 0.0, ROUNDING)}
            if v["boundary"] not in chosen:
                return f"boundary {v['boundary']}, but {v['objective']} chooses {chosen} of {eligible}"
        elif v["reason"] in WITHDRAWALS:
            if v["boundary"] != v["version"]["num_layers"]:
                return f"boundary {v['boundary']} after a withdrawal"
        elif v["boundary"] != v["before"]:
            return f"boundary {v['boundary']} after {v['before']} with the reason {v['reason']}"
        if (v["reason"] == "alarm") != (v["epoch"].get("end") == "alarm") \
                or v["reason"] == "alarm" and v["watch"]["value"] < v["watch"]["threshold"]:
            return f"an alarm with the watch at {v['watch']['value']} of {v['watch']['threshold']}"
        return None

    def _unmatched(self, decision, of_adapter, hashes):
        """Why no states lead to a decision; None if some do. The sums of an epoch that has ended are not in any state."""
        v = decision.value
        evidence = v["evidence"]
        batch = hashes.get(place(evidence["topic"], evidence["partition"], evidence["offset"]))
        own = [state for states in of_adapter for state in states
               if state.partition == evidence["partition"] and state.version == decision.version
               and batch is not None and state.counted[-1:] == [batch]]
        if not own:
            return "no state of its version counts its batch"
        if v["epoch"].get("end") is not None or v["reason"] == "overtaken":
            return None
        # a decision on a part of a batch is followed by others, and the state has all parts
        parts = [each for each in self._decisions if each.name[:5] == decision.name[:5]]
        if parts[-1] is not decision and len(parts) > 1 or any(each.value["epoch"].get("end") for each in parts):
            return None
        for state in own:
            if any(self._matches(v, merged) for merged in self._merged(state, of_adapter)):
                return None
        return f"no states have these {v['epoch']['examples']} examples of epoch {v['epoch']['number']} with these means and ln E"

    @staticmethod
    def _matches(v, counted):
        rows, epoch = v["boundaries"], v["epoch"]
        return (epoch["number"], epoch["examples"], epoch["batches"]) == (counted.epoch, counted.examples, counted.batches) \
            and [row["boundary"] for row in rows] == counted.boundaries \
            and all(close(row["mean"], mean, 1e-6) for row, mean in zip(rows, counted.means)) \
            and all(close(row["log_e"], counted.log_e(i), 1e-6) for i, row in enumerate(rows[:-1])) \
            and [v["epoch"]["uncounted"][name] for name in ("repeats", "repeated_groups", "refused")] == list(counted.uncounted) \
            and {row["boundary"] for row in v["dropped"]} == counted.dropped \
            and all(close(row["capped"] * counted.scored, z, 1e-6) for row, z in zip(rows, counted.capped)) \
            and all(close(mine, theirs, 1e-6) for mine, theirs in zip((g for row in rows[:-1] for g in row["sums"]), counted.sums))

    @staticmethod
    def _merged(state, of_adapter):
        """
        What a calibrator can have merged when it wrote a state. It reads the states of other partitions at some time
        between its claim and the new state. States of other epochs do not count.
        """
        if state.epoch is None:
            return
        sources = []
        for states in of_adapter:
            if states[0].key == state.key:
                continue
            start = bisect.bisect_left([each.offset for each in states], state.claimed_at)
            known = [each for each in states[max(0, start - 1):] if each.offset < state.offset and each.version == state.version]
            candidates = [each.epoch if each.epoch is not None and each.epoch.agrees(state.epoch) else None for each in known]
            if not known or known[0].offset >= state.claimed_at:
                candidates.append(None)
            sources.append(list({each and (each.examples, each.batches, each.dropped): each for each in candidates}.values()))
        for chosen in itertools.product(*sources):
            total = state.epoch
            for each in chosen:
                total = total if each is None else total.merge(each)
            yield total
