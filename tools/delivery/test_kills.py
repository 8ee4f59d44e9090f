"""Tests of the judgement of kills: python -m unittest discover -s tools/delivery

The records of two streams are written by hand; each test plants one fault.
"""
import copy
import unittest

from calibration import hash_of
from calibrators import BATCHES, BOUNDARIES, DECISIONS, LETTERS, STATES, Committed
from kills import differences, judge

NAMES = ["b1", "b2"]


class Records:
    """What a calibrator writes for the batches b1, which changes nothing, and b2, which moves the boundary to 7."""

    def __init__(self, adapter, first):
        self.offset = first
        self.adapter = adapter
        self.all = []
        for n, name in enumerate(NAMES):
            source = self.add(BATCHES, {"batch_id": name, "adapter": adapter, "examples": []})
            evidence = {"batch_id": name, "topic": BATCHES, "partition": 0, "offset": source.offset}
            counted = [hash_of(each) for each in NAMES[:n]]
            claim = {"batch": hash_of(name), "offset": source.offset}
            self.state(counted, n, claim)
            self.state([*counted, hash_of(name)], n + 1, claim)
            moves = {"boundary": 7, "reason": "preferred", "move": 1} if n else {"boundary": 8, "reason": "chosen", "move": 0}
            if n:
                self.add(BOUNDARIES, {"adapter": adapter, "decided_at": f"{self.offset} s", "decision": {"evidence": evidence}, **moves})
            self.add(DECISIONS, {"adapter": adapter, "evidence": evidence, "decided_at": f"{self.offset} s", "epoch": {"number": 1},
                                 "log_e": 1.5 * n, **moves})

    def state(self, counted, examples, claim):
        self.add(STATES, {"adapter": self.adapter, "input_partition": 0, "counted_batches": counted, "claim": claim,
                          "epoch": {"epoch": 1, "statistics": {"count": examples}, "sums": [1.25 * examples]}})

    def add(self, topic, value, headers=None):
        self.offset += 1
        record = Committed(topic, 0, self.offset, self.adapter, value, headers or {}, 0.0)
        self.all.append(record)
        return record

    def of(self, topic):
        return [record for record in self.all if record.topic == topic]


class JudgeTest(unittest.TestCase):

    def setUp(self):
        self.reference, self.killed = Records("no-kill", 0), Records("kill-1a", 1000)

    def judged(self):
        return judge([*self.reference.all, *self.killed.all], "no-kill", ["kill-1a"], NAMES)

    def test_offsets_and_times_and_repeated_claims_are_no_difference(self):
        claim = copy.deepcopy(self.killed.of(STATES)[0])
        self.killed.all.insert(self.killed.all.index(self.killed.of(STATES)[0]), claim)
        self.assertEqual([], self.judged())

    def test_a_decision_that_changes_nothing_may_be_absent_or_written_again(self):
        self.killed.all.remove(self.killed.of(DECISIONS)[0])
        self.assertEqual([], self.judged())

    def test_a_batch_that_is_not_counted(self):
        self.killed.all.remove(self.killed.of(STATES)[-1])
        self.assertIn("kill-1a: batch 'b2' is counted 0 times", self.judged())

    def test_a_batch_that_is_counted_again_with_another_id(self):
        last = self.killed.of(STATES)[-1].value
        self.killed.state([*last["counted_batches"], hash_of("another")], 3, last["claim"])
        self.assertTrue(any("states: 3 with kills, 2 without" in each for each in self.judged()), self.judged())

    def test_examples_that_are_counted_twice_in_one_state(self):
        self.killed.of(STATES)[-1].value["epoch"]["statistics"]["count"] = 3
        self.assertTrue(any("count: 3 with kills, 2 without" in each for each in self.judged()), self.judged())

    def test_another_sum(self):
        self.killed.of(STATES)[-1].value["epoch"]["sums"][0] += 1e-6
        self.assertTrue(any("sums[0]" in each for each in self.judged()), self.judged())

    def test_a_boundary_record_that_is_lost_or_repeated(self):
        record = self.killed.of(BOUNDARIES)[0]
        self.killed.all.append(record)
        self.assertTrue(any("boundary records: 2 with kills, 1 without" in each for each in self.judged()))
        self.killed.all = [each for each in self.killed.all if each is not record]
        self.assertTrue(any("boundary records: 0 with kills, 1 without" in each for each in self.judged()))

    def test_another_decision(self):
        self.killed.of(DECISIONS)[1].value["log_e"] = 2.0
        self.killed.of(DECISIONS)[0].value["log_e"] = 0.5
        found = self.judged()
        self.assertTrue(any("changing decisions[0].log_e" in each for each in found), found)
        self.assertTrue(any("decision that changes nothing.log_e" in each for each in found), found)

    def test_a_dead_letter(self):
        source = self.killed.of(BATCHES)[0]
        self.killed.add(LETTERS, None, {"tidemark.error.code": "batch_failed", "tidemark.source.offset": str(source.offset)})
        self.assertIn("kill-1a: dead letters ['batch_failed']", self.judged())


class DifferencesTest(unittest.TestCase):

    def test_values_that_are_equal_but_for_rounding(self):
        value = {"a": [1, 2.0, {"b": None}], "c": "x"}
        self.assertEqual([], differences(value, {"a": [1, 2.0 + 1e-12, {"b": None}], "c": "x"}))

    def test_each_difference_is_named(self):
        found = differences({"a": [1, 2], "b": 3, "c": True}, {"a": [1, 5], "c": False, "d": 4})
        self.assertEqual(["a[1]: 2 with kills, 5 without", ".b is only with kills", "c: True with kills, False without",
                          ".d is only without kills"], found)


if __name__ == "__main__":
    unittest.main()
