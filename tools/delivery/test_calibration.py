"""Tests of the verifier's judgement of calibration: python -m unittest discover -s tools/delivery

The records are written by a model of a calibrator, with examples that have scores. Each test plants one fault.
"""
import itertools
import json
import random
import statistics as reference
import unittest

from calibration import Calibrations, Statistics, hash_of
from records import Schema

LAYERS = 3
BATCHES, LETTERS, STATES, BOUNDARIES = "validation-batches", "validation-dead-letters", "calibration-state", "adapter-boundaries"
SCHEMAS = {name: Schema(name) for name in ("validation-batch", "calibration-state", "boundary-record")}
VERSION = {"adapter_digest": "aa" * 32, "base_model": "base", "base_digest": "bb" * 32}


def of_examples(scores):
    """The statistics by their definition: two passes over all examples."""
    means = [sum(column) / len(scores) for column in zip(*scores)]
    pairs = itertools.combinations_with_replacement(range(len(means)), 2)
    return Statistics(len(scores), means, [sum((x[a] - means[a]) * (x[b] - means[b]) for x in scores) for a, b in pairs])


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
    """Clients that send batches, and a calibrator for each of two partitions."""

    def __init__(self, seed=7):
        self.calibrations = Calibrations(SCHEMAS, 4)
        self._random = random.Random(seed)
        self._offsets = {}
        self.scores = {}    # batch id -> scores of its examples
        self.counted = {}   # partition -> ids of the batches that its state counts

    def _next(self, topic, partition):
        offset = self._offsets.get((topic, partition), 0)
        self._offsets[topic, partition] = offset + 1
        return offset

    def send(self, name, examples=3, partition=0, judged=True, value=None):
        """Writes a batch record; returns its source."""
        if value is None:
            value = json.dumps({"batch_id": name, "adapter": "red",
                                "examples": [{"prompt": "secret", "completion": "text"}] * examples}).encode()
        self.scores.setdefault(name, [[self._random.gauss(-2 + b / 4, 0.3) for b in range(LAYERS + 1)] for _ in range(examples)])
        offset = self._next(BATCHES, partition)
        self.calibrations.take_batch(Message(BATCHES, partition, offset, value), judged)
        return BATCHES, partition, offset

    def letter(self, source):
        names = ("tidemark.source.topic", "tidemark.source.partition", "tidemark.source.offset")
        headers = [(name, str(part).encode()) for name, part in zip(names, source)]
        self.calibrations.take_letter(Message(LETTERS, 0, self._next(LETTERS, 0), b"{}", headers=headers))

    def state(self, partition=0, claim=None, statistics=None, counted=None, **fields):
        """Writes the state of a partition; returns its statistics."""
        ids = self.counted.setdefault(partition, [])
        if statistics is None:
            statistics = self.of(ids)
        value = {"adapter": "red", "input_partition": partition, **VERSION, "compute_type": "fp32",
                 "statistics": {"count": statistics.count, "means": statistics.means, "comoments": statistics.comoments},
                 "counted_batches": [hash_of(each) for each in (ids if counted is None else counted)],
                 **({"claim": {"batch": hash_of(claim), "offset": 0}} if claim else {}), **fields}
        self.calibrations.take_state(Message(STATES, 0, self._next(STATES, 0), json.dumps(value).encode(),
                                             f"red/{partition}/bb/fp32".encode()))
        return statistics

    def of(self, ids):
        return of_examples([x for each in ids for x in self.scores[each]]) if ids else Statistics(
            0, [0.0] * (LAYERS + 1), [0.0] * ((LAYERS + 1) * (LAYERS + 2) // 2))

    def boundary(self, statistics, **fields):
        value = {"adapter": "red", **VERSION, "num_layers": LAYERS, "boundary": statistics.choice("balanced"),
                 "objective": "balanced", "curve": statistics.means, "samples": statistics.count, **fields}
        self.calibrations.take_boundary(Message(BOUNDARIES, 0, self._next(BOUNDARIES, 0), json.dumps(value).encode(), b"red"))

    def score(self, name, partition=0, decided=None):
        """What a calibrator writes for a batch, claim included. decided: the partitions whose states it merges."""
        self.state(partition, claim=name)
        self.counted[partition].append(name)
        self.state(partition)
        decided = sorted(self.counted) if decided is None else decided
        merged = self.of([each for p in decided for each in self.counted[p]])
        if merged.count >= 4:
            self.boundary(merged)
        return merged

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
        self.assertEqual({"batches": 5, "counted": 3, "dead_letters": 1, "decisions": 2}, self.scene.calibrations.report())

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

    def test_examples_that_are_counted_twice(self):
        s = self.scene
        s.send("a")
        s.counted[0] = ["a"]
        s.state(statistics=s.of(["a", "a"]))
        self.assertEqual({"state_miscounted": 1, "decision_missing": 1}, s.findings())

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
        self.scene.score("phantom")
        self.scene.letter((BATCHES, 0, 4711))
        self.assertEqual({"batch_unknown": 2}, self.scene.findings())

    def test_a_batch_of_another_partition(self):
        self.scene.send("a", partition=1)
        self.scene.score("a", 0)
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
        self.scene.counted[0] = []
        self.scene.state(adapter_digest="cc" * 32)
        self.assertEqual({}, self.scene.findings())

    def test_a_state_out_of_schema(self):
        self.scene.state(input_partition=-1)
        self.scene.state(statistics=Statistics(0, [0.0, 0.0], [0.0] * 3), adapter=3)
        self.assertEqual({"state_out_of_schema": 2}, self.scene.findings())

    def test_a_boundary_that_the_objective_does_not_choose(self):
        s = self.scene
        s.send("a", examples=6)
        s.counted[0] = ["a"]
        statistics = s.state()
        s.boundary(statistics, boundary=(statistics.choice("balanced") + 1) % (LAYERS + 1))
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_an_objective_that_does_not_exist(self):
        s = self.scene
        s.send("a", examples=6)
        s.counted[0] = ["a"]
        s.boundary(s.state(), objective="tolerance:much")
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_boundary_of_too_few_samples(self):
        s = self.scene
        s.send("a", examples=2)
        s.counted[0] = ["a"]
        s.boundary(s.state())
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_boundary_of_another_curve_leaves_its_batch_without_a_record(self):
        s = self.scene
        s.send("a", examples=6)
        s.counted[0] = ["a"]
        statistics = s.state()
        s.boundary(statistics, curve=[mean + 1e-6 for mean in statistics.means])
        self.assertEqual({"wrong_decision": 1, "decision_missing": 1}, s.findings())

    def test_a_boundary_that_ignores_the_other_partition(self):
        s = self.scene
        s.send("a", examples=6)
        s.score("a")
        s.send("b", examples=6, partition=1)
        s.score("b", 1, decided=[1])
        self.assertEqual({"wrong_decision": 1, "decision_missing": 1}, s.findings())

    def test_a_boundary_of_an_aborted_state(self):
        self.clean()
        self.scene.boundary(self.scene.of(["a", "b"] * 3))
        self.assertEqual({"wrong_decision": 1}, self.scene.findings())

    def test_two_boundaries_of_one_batch(self):
        s = self.scene
        s.send("a", examples=6)
        s.boundary(s.score("a"))
        self.assertEqual({"wrong_decision": 1}, s.findings())

    def test_a_batch_without_a_boundary_record(self):
        s = self.scene
        s.send("a", examples=6)
        s.counted[0] = ["a"]
        s.state()
        self.assertEqual({"decision_missing": 1}, s.findings())

    def test_a_pinned_adapter_needs_no_boundary_record(self):
        s = self.scene
        s.send("a", examples=6)
        s.counted[0] = ["a"]
        statistics = s.state()
        s.calibrations.take_boundary(Message(BOUNDARIES, 0, 0, b'{"adapter": "red", "boundary": 1, "pinned": true}', b"red"))
        self.assertEqual({}, s.findings())
        self.assertGreaterEqual(statistics.count, 4)

    def test_a_decision_may_lack_the_batches_that_another_partition_counts_meanwhile(self):
        s = self.scene
        for name, partition in (("a", 0), ("b", 1)):
            s.send(name, examples=4, partition=partition)
        s.state(0, claim="a")
        s.state(1, claim="b")
        s.counted[0].append("a")
        s.boundary(s.state(0))
        s.counted[1].append("b")
        s.boundary(s.state(1))                            # without "a", which was counted after the claim of "b"
        self.assertEqual({}, s.findings())

    def test_boundary_records_of_others_are_not_judged(self):
        s = self.scene
        for value in (b"{", b'{"adapter": "red", "boundary": -1}', b'{"adapter": "red", "boundary": 1}'):
            s.calibrations.take_boundary(Message(BOUNDARIES, 0, 0, value, b"red"))
        self.assertEqual({}, s.findings())


class StatisticsTest(unittest.TestCase):

    def test_a_merge_has_the_statistics_of_all_examples(self):
        r = random.Random(3)
        scores = [[r.gauss(-2, 1) for _ in range(4)] for _ in range(9)]
        merged, whole = of_examples(scores[:4]).merge(of_examples(scores[4:])), of_examples(scores)
        self.assertEqual(whole.count, merged.count)
        for mine, theirs in zip(merged.means + merged.comoments, whole.means + whole.comoments):
            self.assertAlmostEqual(theirs, mine, 12)
        differences = [x[3] - x[1] for x in scores]
        self.assertAlmostEqual(reference.stdev(differences) / 3, merged.standard_error(1, 3), 12)

    def test_choices(self):
        # boundaries 1 and 2 tie; 1 is within one standard error of 3 on paired differences, 0 is not
        curve = of_examples([[-3.0, -2.0, -2.0, -1.9], [-3.2, -2.2, -2.2, -2.3], [-3.1, -1.9, -1.9, -1.8]])
        self.assertEqual({"quality": 3, "balanced": 1, "latency": 3, "tolerance:0.5": 1, "tolerance:0": 3, "other": None,
                          "tolerance:x": None},
                         {name: curve.choice(name) for name in ("quality", "balanced", "latency", "tolerance:0.5", "tolerance:0",
                                                                "other", "tolerance:x")})


if __name__ == "__main__":
    unittest.main()
