"""Tests of the verifier's judgement of calibration: python -m unittest discover -s tools/delivery

The records are written by a model of a calibrator, with examples that have scores. Each test plants one fault.
"""
import json
import math
import random
import unittest

from calibration import Calibrations, Counted, choice, hash_of, log_e
from records import Schema

LAYERS = 3
BATCHES, LETTERS, STATES = "validation-batches", "validation-dead-letters", "calibration-state"
BOUNDARIES, DECISIONS = "adapter-boundaries", "boundary-decisions"
SCHEMAS = {name: Schema(name)
           for name in ("validation-batch", "calibration-state", "boundary-record", "boundary-decision")}
VERSION = {"adapter_digest": "aa" * 32, "base_model": "base", "base_digest": "bb" * 32, "num_layers": LAYERS}
SCORED = {**VERSION, "compute_type": "fp32"}
# four examples without a difference certify a boundary
MARGIN, LOSS_CAP, GAIN_CAP, ALPHA = 0.4, 0.5, 0.5, 0.05
TEST = {"margin": MARGIN, "loss_cap": LOSS_CAP, "gain_cap": GAIN_CAP}
NONE = {"repeats": 0, "repeated_groups": 0, "refused": 0}


def merged(value, fields):
    """A value with other fields; those of objects replace only their own."""
    return {**value, **{name: {**value[name], **each} if isinstance(each, dict) else each for name, each in fields.items()}}


class Message:

    def __init__(self, topic, partition, offset, value, key=None, headers=None):
        self._fields = topic, partition, offset, value, key, headers

    def topic(self):
        return self._fields[0]

    def partition(self):
        return self._fields[1]

    def offset(self):
        return self._fields[2]

    def value(self):
        return self._fields[3]

    def key(self):
        return self._fields[4]

    def headers(self):
        return self._fields[5]


class Scene:
    """Clients that send batches, and a calibrator for each of two partitions, with the objective latency."""

    def __init__(self, seed=7):
        self.calibrations = Calibrations(SCHEMAS)
        self._random = random.Random(seed)
        self._offsets = {}
        self.scores = {}       # batch id -> scores of its examples
        self.sources = {}      # batch id -> its last record
        self.counted = {}      # partition -> ids of the batches that its state counts
        self.epoch = 1
        self.in_epoch = {}     # partition -> ids of the batches of the epoch
        self.uncounted = {}    # partition -> what its state does not count
        self.in_force = LAYERS
        self.move = 0

    def _next(self, topic, partition):
        offset = self._offsets.get((topic, partition), 0)
        self._offsets[topic, partition] = offset + 1
        return offset

    def send(self, name, examples=3, partition=0, judged=True, value=None):
        """Writes a batch record; returns its source. Boundary 0 loses more than the cap; 1 and 2 are as good as 3."""
        if value is None:
            value = json.dumps({"batch_id": name, "adapter": "red", "examples": [
                {"prompt": f"secret {name} {i}", "completion": "text"} for i in range(examples)]}).encode()
        self.scores.setdefault(name, [[x - 2, x, x, x] for x in (self._random.gauss(-2, 0.3) for _ in range(examples))])
        source = self.sources[name] = BATCHES, partition, self._next(BATCHES, partition)
        self.calibrations.take_batch(Message(*source, value), judged)
        return source

    def letter(self, source):
        names = ("tidemark.source.topic", "tidemark.source.partition", "tidemark.source.offset")
        headers = [(name, str(part).encode()) for name, part in zip(names, source)]
        self.calibrations.take_letter(Message(LETTERS, 0, self._next(LETTERS, 0), b"{}", headers=headers))

    @staticmethod
    def sums(scores):
        return [sum(math.log(1 + 0.95 / (LOSS_CAP - MARGIN) / 2 ** j * (min(max(x[b] - x[-1], -LOSS_CAP), GAIN_CAP) + MARGIN))
                    for x in scores) for b in range(LAYERS) for j in range(5)]

    @staticmethod
    def capped(scores):
        return [sum(min(max(x[b] - x[-1], -LOSS_CAP), GAIN_CAP) for x in scores) for b in range(LAYERS)]

    def of(self, ids):
        return [x for each in ids for x in self.scores[each]]

    @staticmethod
    def means(scores):
        return [sum(column) / len(scores) for column in zip(*scores)] if scores else [0.0] * (LAYERS + 1)

    def state(self, partition=0, claim=None, counted=None, examples=None, **fields):
        """Writes the state of a partition. examples: another number of examples than it counts"""
        ids = self.counted.setdefault(partition, [])
        scores = self.of(self.in_epoch.setdefault(partition, []))
        epoch = {"epoch": self.epoch, "test": TEST, "candidates": list(range(LAYERS + 1)), "batches": len(self.in_epoch[partition]),
                 "examples": len(scores) if examples is None else examples, "uncounted": self.uncounted.get(partition, NONE),
                 "statistics": {"count": len(scores) if examples is None else examples, "means": self.means(scores),
                                "comoments": [0.0] * 10},
                 "sums": self.sums(scores), "capped": self.capped(scores), "watch": {"move": self.move, "boundary": self.in_force, "values": [0, 0, 0]},
                 "filter": ""}
        value = {"adapter": "red", "input_partition": partition, "version": SCORED,
                 "counted_batches": [f"{hash_of(each)}.AAAAAAAA" for each in (ids if counted is None else counted)], "epoch": epoch,
                 "settings": {},
                 **({"claim": {"batch": hash_of(claim), "offset": 0, "content": "AAAAAAAA"}} if claim else {}), **fields}
        self.calibrations.take_state(Message(STATES, 0, self._next(STATES, 0), json.dumps(value).encode(),
                                             "/".join(("red", str(partition), value["version"]["adapter_digest"], "bb" * 32, "fp32")).encode()))

    def evidence(self, name):
        topic, partition, offset = self.sources[name]
        return {"batch_id": name, "topic": topic, "partition": partition, "offset": offset}

    def decision(self, name, boundary, reason, decided, **fields):
        """Writes the decision after a batch. decided: the ids of the batches that it merges"""
        scores, epoch = self.of(decided), self.epoch
        limit = math.log(LAYERS * epoch * (epoch + 1) / ALPHA)
        sums, means = self.sums(scores), self.means(scores)
        rows = [{"boundary": b, "mean": means[b], "difference": means[b] - means[-1],
                 **({"log_e": log_e(sums[5 * b:5 * b + 5]), "sums": sums[5 * b:5 * b + 5],
                    "capped": self.capped(scores)[b] / max(1, len(scores))} if b < LAYERS else {})} for b in range(LAYERS + 1)]
        for row in rows:
            row["certified"] = row.get("log_e", math.inf) >= limit
        value = {"adapter": "red", "version": SCORED, "decided_at": "2026-01-01T00:00:00Z",
                 "before": self.in_force, "boundary": boundary, "reason": reason, "objective": "latency", "move": self.move,
                 "epoch": {"number": epoch, "examples": len(scores), "uncounted": NONE, "batches": len(decided), "max_examples": 2000}, "test": TEST,
                 "certification": {"alpha": ALPHA, "tested": LAYERS, "threshold": limit}, "watch": {"value": 0.0, "threshold": 20.0},
                 "boundaries": rows, "dropped": [], "evidence": self.evidence(name), "published": True}
        value = merged(value, fields)
        self.calibrations.take_decision(Message(DECISIONS, 0, self._next(DECISIONS, 0), json.dumps(value).encode(), b"red"))
        return value

    def boundary(self, name, boundary, reason):
        value = {"adapter": "red", "boundary": boundary, "writer": "calibrator", "version": VERSION, "reason": reason,
                 "decision": {"objective": "latency", "samples": 1, "previous_boundary": LAYERS, "epoch": self.epoch, "move": self.move,
                              "examples_at_move": 1, "compute_type": "fp32", "test": TEST, "scores": [],
                              "certification": {"alpha": ALPHA, "tested": LAYERS, "threshold": 5.0},
                              "evidence": self.evidence(name)}}
        self.calibrations.take_boundary(Message(BOUNDARIES, 0, self._next(BOUNDARIES, 0), json.dumps(value).encode(), b"red"))

    def count(self, name, partition=0):
        """Claim and state of a batch."""
        self.state(partition, claim=name)
        self.counted[partition].append(name)
        self.in_epoch[partition].append(name)
        self.state(partition)

    def score(self, name, partition=0, decided=None):
        """What a calibrator writes for a batch, claim included. decided: the batches that it merges; all by default"""
        self.count(name, partition)
        decided = [each for p in sorted(self.in_epoch) for each in self.in_epoch[p]] if decided is None else decided
        certified = len(self.of(decided)) >= 4
        if certified and self.in_force == LAYERS:
            self.move += 1
            self.decision(name, 1, "preferred", decided)
            self.in_force = 1
            self.boundary(name, 1, "preferred")
        else:
            self.decision(name, self.in_force, "chosen", decided)

    def alarm(self, name, **fields):
        """What a calibrator writes for a batch after which it withdraws the boundary."""
        self.state(claim=name)
        self.counted[0].append(name)
        merged = [*self.in_epoch[0], name]
        self.decision(name, LAYERS, "alarm", merged, **{"watch": {"value": 21.0}, "epoch": {"end": "alarm"}, **fields})
        self.in_force, self.epoch, self.in_epoch = LAYERS, self.epoch + 1, {}
        self.state()
        self.boundary(name, LAYERS, "alarm")

    def findings(self):
        found = {}
        self.calibrations.judge(lambda kind, what: found.setdefault(kind, []).append(what))
        return {kind: len(each) for kind, each in found.items()}


class CalibrationTest(unittest.TestCase):

    def setUp(self):
        self.scene = Scene()

    def clean(self):
        """Three batches on two partitions, one of them sent twice, and an invalid one."""
        s = self.scene
        for name, partition in (("a", 0), ("b", 1), ("c", 0)):
            s.send(name, partition=partition)
            s.score(name, partition)
        s.send("b", partition=0)
        s.letter(s.send("broken", value=b"{"))

    def test_clean(self):
        self.clean()
        self.assertEqual({}, self.scene.findings())
        self.assertFalse(self.scene.calibrations.open())
        self.assertEqual({"batches": 5, "counted": 3, "dead_letters": 1, "decisions": 3,
                          "boundary_records": 1}, self.scene.calibrations.report())

    def test_a_batch_that_is_not_counted(self):
        self.clean()
        self.scene.send("lost")
        self.assertTrue(self.scene.calibrations.open())
        self.assertEqual({"batch_missing": 1}, self.scene.findings())

    def test_an_invalid_batch_without_a_dead_letter(self):
        self.scene.send("broken", value=b'{"batch_id": "x", "adapter": "red", "examples": []}')
        self.assertEqual({"batch_missing": 1}, self.scene.findings())

    def test_a_batch_that_was_written_after_the_verification_began_may_wait(self):
        self.clean()
        self.scene.send("later", judged=False)
        self.assertEqual({}, self.scene.findings())

    def test_a_valid_batch_with_a_dead_letter_needs_no_count(self):
        self.scene.letter(self.scene.send("failed"))
        self.assertEqual({}, self.scene.findings())

    def test_a_batch_that_two_partitions_count(self):
        self.clean()
        self.scene.score("b", 0)
        self.assertEqual({"batch_repeated": 1}, self.scene.findings())

    def test_a_batch_that_one_partition_counts_twice(self):
        s = self.scene
        s.send("a")
        s.score("a")
        s.counted[0].append("a")
        s.state()
        self.assertEqual({"batch_repeated": 1}, {k: n for k, n in s.findings().items() if k == "batch_repeated"})

    def test_examples_that_are_counted_twice_or_not_at_all(self):
        for examples in (0, 2, 4):
            s = self.scene = Scene()
            s.send("a")
            s.score("a")
            s.send("b")
            s.state(claim="b")
            s.counted[0].append("b")
            s.state(examples=3 + examples)
            self.assertEqual({"state_miscounted": 1}, s.findings(), examples)

    def test_a_repeated_example_need_not_count(self):
        s = self.scene
        s.send("a")
        s.score("a")
        first = {"prompt": "secret a 0", "completion": "text"}
        s.send("b", examples=1, value=json.dumps({"batch_id": "b", "adapter": "red",
                                                  "examples": [first, {"prompt": "new", "completion": "text"}]}).encode())
        s.state(claim="b")
        s.counted[0].append("b")
        s.in_epoch[0].append("b")
        s.uncounted[0] = {**NONE, "repeats": 1}
        s.state()
        self.assertEqual({}, s.findings())

    def test_examples_of_which_a_state_tells_nothing(self):
        s = self.scene
        s.send("a")
        s.score("a")
        s.send("b", examples=2, value=json.dumps({"batch_id": "b", "adapter": "red", "examples": [
            {"prompt": "secret  a\n0 ", "completion": "text"},   # a copy with other white space
            {"prompt": "new", "completion": "text"}, {"prompt": "other", "completion": "text"}]}).encode())
        s.score("b")
        self.assertEqual({"state_miscounted": 1}, s.findings())

    def grouped(self, *groups):
        """Sends a batch of one example for each name; a name of None is no group."""
        self.scene.send("b", examples=len({name or place for place, name in enumerate(groups)}), value=json.dumps({
            "batch_id": "b", "adapter": "red", "examples": [
                {"prompt": f"new {place}", "completion": "text", **({"group": name} if name else {})}
                for place, name in enumerate(groups)]}).encode())

    def test_a_group_counts_as_one_example(self):
        s = self.scene
        s.send("a")
        s.score("a")
        self.grouped("g", "g", None, "h")
        s.score("b")
        self.assertEqual({}, s.findings())

    def test_a_group_that_counts_as_several_examples(self):
        s = self.scene
        s.send("a")
        s.score("a")
        self.grouped("g", "g", None, "h")
        s.state(claim="b")
        s.counted[0].append("b")
        s.state(examples=3 + 4)
        self.assertEqual({"state_miscounted": 1}, s.findings())

    def test_a_state_that_is_too_large_or_has_the_key_of_another_version(self):
        s = self.scene
        s.send("a")
        s.state(other=" " * 65_536)
        self.assertEqual({"batch_missing": 1, "state_out_of_schema": 1}, s.findings())
        value = {"adapter": "red", "input_partition": 0, "version": SCORED, "counted_batches": [], "settings": {}}
        for digest, expected in (("aa" * 32, {}), ("cc" * 32, {"state_out_of_schema": 1})):
            s = self.scene = Scene()
            s.calibrations.take_state(Message(STATES, 0, 0, json.dumps(value).encode(),
                                              "/".join(("red", "0", digest, "bb" * 32, "fp32")).encode()))
            self.assertEqual(expected, s.findings())

    def test_states_with_dropped_boundaries(self):
        row = {"boundary": 1, "examples": 3, "difference": -0.5, "log_e": -2.0}
        value = {"epoch": 1, "candidates": [0, 1, 2, 3], "dropped": [row], "test": TEST, "examples": 5, "batches": 2, "uncounted": NONE,
                 "statistics": {"count": 4, "means": [-3.0, -1.0, -2.0]}, "sums": [1.0] * 5 + [2.0] * 5, "capped": [0.5, 0.25]}
        one = Counted.of(value)
        self.assertEqual([0, 2, 3], one.boundaries)
        other = Counted.of({**value, "dropped": [{**row, "boundary": 2}], "examples": 2, "statistics": {"count": 2, "means": [0.0, 0.0, -2.0]}})
        both = one.merge(other)
        self.assertEqual(([0, 3], 7, 6, [-2.0, -2.0], [2.0] * 5, [1.0]),
                         (both.boundaries, both.examples, both.scored, both.means, both.sums, both.capped))
        for wrong in ({"boundary": 3}, {"boundary": 7}):
            with self.assertRaises(ValueError):
                Counted.of({**value, "dropped": [{**row, **wrong}]})

    def test_two_dead_letters(self):
        source = self.scene.send("broken", value=b"{")
        self.scene.letter(source)
        self.scene.letter(source)
        self.assertEqual({"batch_repeated": 1}, self.scene.findings())

    def test_a_batch_that_is_counted_and_a_dead_letter(self):
        s = self.scene
        source = s.send("a")
        s.score("a")
        s.letter(source)
        self.assertEqual({"batch_wrong": 1}, s.findings())

    def test_a_dead_letter_of_a_repetition(self):
        s = self.scene
        s.send("a")
        s.score("a")
        s.letter(s.send("a"))
        self.assertEqual({}, s.findings())

    def test_a_batch_that_does_not_exist(self):
        self.clean()
        self.scene.scores["phantom"] = self.scene.scores["a"]
        self.scene.count("phantom")
        self.scene.letter((BATCHES, 0, 4711))
        self.assertEqual({"batch_unknown": 2}, self.scene.findings())

    def test_a_batch_of_another_partition(self):
        self.scene.send("a", partition=1)
        self.scene.count("a", 0)
        self.assertEqual({"batch_unknown": 1}, self.scene.findings())

    def test_a_state_that_forgets_a_batch(self):
        s = self.scene
        for name in ("a", "b"):
            s.send(name)
            s.score(name)
        s.counted[0] = ["b"]
        s.state()
        self.assertEqual({"batch_lost": 1}, s.findings())

    def test_an_empty_state_of_another_version_forgets_nothing(self):
        self.clean()
        self.scene.counted[0] = self.scene.in_epoch[0] = []
        self.scene.state(version={**SCORED, "adapter_digest": "cc" * 32})
        self.assertEqual({}, self.scene.findings())

    def test_a_state_out_of_schema(self):
        self.scene.state(input_partition=-1)
        self.scene.state(adapter=3)
        self.assertEqual({"state_out_of_schema": 2}, self.scene.findings())

    def moved(self):
        """Two batches, after which boundary 1 is in force."""
        for name in ("a", "b"):
            self.scene.send(name)
            self.scene.score(name)
        return self.scene

    def test_a_withdrawal_and_another_move(self):
        s = self.moved()
        s.send("c")
        s.alarm("c")
        for name in ("d", "e"):
            s.send(name)
            s.score(name)
        self.assertEqual({}, s.findings())
        self.assertEqual(3, s.calibrations.report()["boundary_records"])

    def test_an_alarm_whose_watch_is_below_its_threshold(self):
        for fields in ({"watch": {"value": 19.0}}, {"epoch": {"end": "full"}}):
            s = self.scene = Scene()
            self.moved()
            s.send("c")
            s.alarm("c", **fields)
            self.assertEqual({"wrong_decision": 1}, s.findings(), fields)

    def test_a_withdrawal_to_another_boundary_than_full_lora(self):
        s = self.moved()
        s.send("c")
        s.count("c")
        s.decision("c", 2, "stricter_settings", ["a", "b", "c"])
        s.boundary("c", 2, "stricter_settings")
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def planted(self, **fields):
        """A move whose decision has one wrong field."""
        s = self.scene = Scene()
        s.send("a", examples=6)
        s.count("a")
        s.move = 1
        value = s.decision("a", fields.pop("chosen", 1), "preferred", ["a"], **fields)
        s.boundary("a", value["boundary"], "preferred")
        return s.findings()

    def test_a_decision_that_does_not_follow_from_its_state(self):
        self.assertEqual({}, self.planted())
        for fault in ({"chosen": 2}, {"epoch": {"examples": 5}}, {"epoch": {"number": 2}}, {"epoch": {"batches": 2}},
                      {"certification": {"threshold": 2.0}}, {"certification": {"alpha": 0.1}}, {"certification": {"tested": 2}},
                      {"objective": "tolerance:much"}, {"version": {"num_layers": 4}}):
            self.assertEqual({"wrong_decision": 1}, self.planted(**fault), fault)

    def test_a_decision_with_another_curve_or_test_than_its_state(self):
        for field, plus in (("mean", 1e-4), ("log_e", 1e-3), ("capped", 1e-3)):
            s = self.scene = Scene()
            s.send("a", examples=6)
            s.count("a")
            s.move = 1
            rows = s.decision("a", 1, "preferred", ["a"], published=False)["boundaries"]
            s.boundary("a", 1, "preferred")
            self.assertEqual({"wrong_decision": 1}, s.findings())       # no published decision
            s = self.scene = Scene()
            s.send("a", examples=6)
            s.count("a")
            s.decision("a", LAYERS, "soon_after_move", ["a"],
                       boundaries=[{**row, field: row[field] + plus} if field in row else row for row in rows])
            self.assertEqual({"wrong_decision": 1}, s.findings(), field)

    def test_ln_e_that_does_not_follow_from_its_sums(self):
        """No state has the sums of an epoch that has ended, so that only the decision itself can show the fault."""
        def decided(sums_of, **fields):
            s = self.scene = Scene()
            s.send("a", examples=6)
            s.count("a")
            rows = s.decision("a", LAYERS, "soon_after_move", ["a"], published=False)["boundaries"]
            self.assertEqual({}, s.findings())
            s = self.scene = Scene()
            s.send("a", examples=6)
            s.count("a")
            s.decision("a", LAYERS, "soon_after_move", ["a"], **fields,
                       boundaries=[{**rows[0], "sums": sums_of(rows[0]["sums"])}, *rows[1:]])
            return s.findings()

        self.assertEqual({}, decided(lambda sums: sums, epoch={"end": "full"}))
        self.assertEqual({"wrong_decision": 1}, decided(lambda sums: [*sums[:4], sums[4] + 0.1], epoch={"end": "full"}))
        # the same ln E, but other sums than the state
        self.assertEqual({"wrong_decision": 1}, decided(lambda sums: [*sums[:3], sums[4], sums[3]]))

    def test_a_boundary_that_is_not_certified(self):
        s = self.scene
        s.send("a", examples=6)
        s.count("a")
        s.move = 1
        rows = s.decision("a", 1, "preferred", ["a"])["boundaries"]
        s.boundary("a", 1, "preferred")
        self.assertEqual({}, s.findings())
        s = self.scene = Scene()
        s.send("a", examples=6)
        s.count("a")
        s.move = 1
        rows[0]["certified"] = True
        s.decision("a", 0, "preferred", ["a"], boundaries=rows)
        s.boundary("a", 0, "preferred")
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_decision_that_ignores_the_other_partition(self):
        s = self.scene
        s.send("a")
        s.score("a")
        s.send("b", partition=1)
        s.score("b", 1, decided=["b"])
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_decision_may_lack_the_batches_that_another_partition_counts_meanwhile(self):
        s = self.scene
        for name, partition in (("a", 0), ("b", 1)):
            s.send(name, partition=partition)
        s.state(0, claim="a")
        s.state(1, claim="b")
        for name, partition in (("a", 0), ("b", 1)):
            s.counted[partition].append(name)
            s.in_epoch[partition].append(name)
            s.state(partition)
            s.decision(name, LAYERS, "chosen", [name])    # "b" without "a", which was counted after the claim of "b"
        self.assertEqual({}, s.findings())

    def test_a_decision_without_its_boundary_record(self):
        s = self.scene
        s.send("a", examples=6)
        s.count("a")
        s.move = 1
        s.decision("a", 1, "preferred", ["a"])
        self.assertEqual({"decision_missing": 1}, s.findings())

    def test_a_decision_in_shadow_mode_has_no_boundary_record(self):
        s = self.scene
        s.send("a", examples=6)
        s.count("a")
        s.move = 1
        s.decision("a", 1, "preferred", ["a"], published=False)
        self.assertEqual({}, s.findings())

    def test_a_boundary_record_without_its_decision(self):
        s = self.moved()
        s.boundary("b", 2, "preferred")
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_decision_out_of_schema(self):
        s = self.scene
        s.calibrations.take_decision(Message(DECISIONS, 0, 0, b'{"adapter": "red"}', b"red"))
        self.assertEqual({"state_out_of_schema": 1}, s.findings())

    def test_boundary_records_of_others_are_not_judged(self):
        s = self.scene
        for value in (b"{", b'{"adapter": "red", "boundary": -1}', b'{"adapter": "red", "boundary": 1}',
                      b'{"adapter": "red", "boundary": 1, "writer": "operator"}',
                      b'{"adapter": "red", "boundary": 3, "writer": "calibrator"}'):
            s.calibrations.take_boundary(Message(BOUNDARIES, 0, 0, value, b"red"))
        self.assertEqual({}, s.findings())


class RuleTest(unittest.TestCase):

    def test_choices(self):
        means = {0: -3.0, 1: -1.015, 2: -1.0, 3: -0.9}
        self.assertEqual({"quality": 2, "balanced": 1, "latency": 0, "tolerance:0.5": 0, "other": None, "tolerance:x": None},
                         {name: choice(name, 0.02, means, [0, 1, 2]) for name in (
                             "quality", "balanced", "latency", "tolerance:0.5", "other", "tolerance:x")})

    def test_log_e_of_large_sums(self):
        self.assertAlmostEqual(math.log(0.5 * math.e + 0.5), log_e([1.0, 0.0, 0.0, 0.0, 0.0]), 12)
        self.assertAlmostEqual(2000 + math.log(0.5), log_e([2000.0, 0.0, 0.0, 0.0, 0.0]), 9)


if __name__ == "__main__":
    unittest.main()
