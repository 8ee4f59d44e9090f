"""Tests of the judgement of an upgrade: python -m unittest discover -s tools/delivery

The records are those of an old calibrator, then of a new one; each test plants one fault.
"""
import copy
import dataclasses
import unittest

from calibration import hash_of
from calibrators import BATCHES, BOUNDARIES, DECISIONS, LETTERS, STATES, Committed
from upgrade import Statistics, judge, merges

LAYERS = 8


def statistics(rows):
    """The statistics of scores at the boundaries 0 to 8, one row for each example."""
    count, size = len(rows), LAYERS + 1
    means = [sum(column) / count for column in zip(*rows)]
    return {"count": count, "means": means,
            "comoments": [sum((row[a] - means[a]) * (row[b] - means[b]) for row in rows) for a in range(size) for b in range(a, size)]}


def row(shift, cut=0.3):
    """Scores that fall below boundary 7 and are better at 7 than at 8."""
    return [shift - 2 + 0.1 * b for b in range(7)] + [shift + cut, shift]


ROWS = [row(0.0), row(-0.4, 0.35), row(0.2, 0.25)]


class Scene:
    """Batches b1 and b2 for an old calibrator, which moves to 7; then b3 for a new one, which withdraws 7, and b4."""

    def __init__(self):
        self.records, self.offsets, self.sources = [], {}, {}
        self.counted = []
        for name in ("b1", "b2", "b3", "b4"):
            self.sources[name] = self.add(BATCHES, {"batch_id": name, "adapter": "red", "examples": []}, partition=len(self.sources) % 3)
        self.old_state("b1", ROWS[:2])
        self.old_state("b2", ROWS[2:])
        self.old_record(7, 3)
        self.stopped_at = self.offsets[STATES, 0]
        self.handled = {0: 1, 1: 1, 2: 0}
        self.new_state("b3")
        self.new_record("b3", 8, "older_record", None)
        self.new_state("b4")
        self.new_record("b4", 7, "preferred", 6.0)

    def add(self, topic, value, headers=None, partition=0):
        offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + 1
        self.records.append(Committed(topic, partition, offset, "red", value, headers or {}, 0.0))
        return self.records[-1]

    def evidence(self, name):
        source = self.sources[name]
        return {"batch_id": name, "topic": BATCHES, "partition": source.partition, "offset": source.offset}

    def old_state(self, name, rows):
        return self.add(STATES, {"adapter": "red", "input_partition": self.sources[name].partition, "counted_batches": [hash_of(name)],
                                 "statistics": statistics(rows)})

    def new_state(self, name, counted=None):
        return self.add(STATES, {"adapter": "red", "input_partition": self.sources[name].partition, "epoch": {"epoch": 1},
                                 "counted_batches": counted or [hash_of(name)], "statistics": statistics(ROWS)})

    def claim(self, name, content):
        """The state of b1 with a claim of another batch, before the first state of the new build."""
        states = [record for record in self.records if record.topic == STATES]
        at = next(i for i, record in enumerate(self.records) if record is states[2])
        for record in states[2:]:
            self.shift(record)
        self.offsets[STATES, 0] += 1
        value = {**states[0].value, "claim": {"batch": hash_of(name), "offset": self.sources[name].offset, **content}}
        self.records.insert(at, Committed(STATES, 0, self.stopped_at, "red", value, {}, 0.0))
        return self.records[at]

    def shift(self, record):
        at = next(i for i, each in enumerate(self.records) if each is record)
        self.records[at] = dataclasses.replace(record, offset=record.offset + 1)

    def old_record(self, boundary, samples):
        return self.add(BOUNDARIES, {"adapter": "red", "boundary": boundary, "samples": samples, "curve": statistics(ROWS[:samples])["means"]})

    def new_record(self, name, boundary, reason, log_e):
        value = {"adapter": "red", "boundary": boundary, "reason": reason, "evidence": self.evidence(name)}
        test = {"epoch": 1, "log_e": log_e, "threshold": 5.0}
        self.add(DECISIONS, {**value, **test})
        return self.add(BOUNDARIES, copy.deepcopy({**value, "test": test}))

    def letter(self, source, code):
        headers = {"tidemark.source.topic": BATCHES, "tidemark.source.partition": str(source.partition),
                   "tidemark.source.offset": str(source.offset), "tidemark.error.code": code}
        return self.add(LETTERS, None, headers)

    def repeat(self, name, partition=2):
        return self.add(BATCHES, {"batch_id": name, "adapter": "red", "examples": []}, partition=partition)

    def last(self, topic):
        return [record for record in self.records if record.topic == topic][-1]

    def remove(self, record):
        self.records = [each for each in self.records if each is not record]

    def judged(self):
        return judge(self.records, self.stopped_at, self.handled)[0]


class JudgeTest(unittest.TestCase):

    def setUp(self):
        self.scene = Scene()

    def assert_found(self, text):
        found = self.scene.judged()
        self.assertTrue(any(text in each for each in found), found)

    def test_nothing_is_wrong(self):
        wrong, figures = judge(self.scene.records, self.scene.stopped_at, self.scene.handled)
        self.assertEqual([], wrong)
        self.assertEqual((2, 2), (figures["counted by the old build"], figures["counted by the new build"]))
        self.assertEqual(1, figures["boundaries of the old build in force at the upgrade"])

    def test_a_repetition_is_refused(self):
        self.scene.letter(self.scene.repeat("b1"), "duplicate_batch")
        self.assertEqual([], self.scene.judged())

    def test_a_batch_that_both_builds_count(self):
        self.scene.repeat("b1")
        self.scene.new_state("b3", [hash_of("b3"), hash_of("b1")])
        self.assert_found("is counted 2 times")

    def test_a_state_goes_on_with_the_batches_of_the_old_one(self):
        self.scene.new_state("b4", [hash_of("b1"), hash_of("b4")])
        self.assertEqual([], self.scene.judged())

    def test_a_batch_that_is_lost(self):
        self.scene.repeat("b9")
        self.assert_found("is counted 0 times")

    def test_a_repetition_without_an_outcome(self):
        self.scene.repeat("b1")
        self.assert_found("was sent 2 times, and has the dead letters")

    def test_the_old_build_skips_a_repetition_without_a_dead_letter(self):
        repeated = self.scene.repeat("b1")
        self.scene.handled[2] = repeated.offset + 1
        self.assertEqual([], self.scene.judged())
        self.scene.repeat("b1")
        self.assert_found("was sent 3 times, and has the dead letters")

    def test_another_dead_letter(self):
        self.scene.letter(self.scene.repeat("b1"), "batch_failed")
        self.assert_found("has the dead letters")

    def test_an_old_boundary_that_the_old_rule_does_not_allow(self):
        self.scene.records.insert(7, Committed(BOUNDARIES, 0, -1, "red", {
            "adapter": "red", "boundary": 3, "samples": 3, "curve": statistics(ROWS)["means"]}, {}, 0.0))
        self.assert_found("boundary 3, but balanced chooses [7]")

    def test_an_old_boundary_of_examples_that_no_states_have(self):
        old = next(record for record in self.scene.records if record.topic == BOUNDARIES)
        old.value["samples"] = 4
        self.assert_found("no states have 4 examples")
        old.value.update(samples=3, curve=statistics(ROWS[:2])["means"])
        self.assert_found("no states have 3 examples with these means")

    def test_an_old_boundary_that_is_not_withdrawn_first(self):
        self.scene.remove(next(record for record in self.scene.records if record.value and record.topic == BOUNDARIES
                               and record.value.get("reason") == "older_record"))
        self.assert_found("no withdrawal of the old boundary")

    def test_an_old_record_after_a_new_one(self):
        self.scene.old_record(7, 3)
        self.assert_found("follows one of the new build")

    def test_a_move_that_is_not_certified(self):
        self.scene.last(BOUNDARIES).value["test"]["log_e"] = 4.9
        self.assert_found("was not certified")

    def test_a_boundary_that_is_not_the_last_decision(self):
        self.scene.remove(self.scene.last(BOUNDARIES))
        self.assert_found("has boundary 8, but the last decision is 7")

    def test_both_builds_at_the_same_time(self):
        self.scene.stopped_at += 1
        self.assert_found("is one of the new build, and a calibrator of the earlier one ran")
        self.scene.stopped_at -= 2
        self.assert_found("is one of the earlier build, after the end of its calibrators")

    def test_the_claim_of_a_new_calibrator_keeps_an_old_state(self):
        claim = self.scene.claim("b3", {"content": "0123456789ab"})
        self.assertEqual([], self.scene.judged())
        self.scene.stopped_at = claim.offset + 1
        self.assert_found(f"the state at offset {claim.offset} is one of the new build")

    def test_the_claim_of_an_old_calibrator_after_the_end_of_the_old_ones(self):
        claim = self.scene.claim("b3", {})
        self.assert_found(f"the state at offset {claim.offset} is one of the earlier build")


class StatisticsTest(unittest.TestCase):

    def test_merged_statistics_are_those_of_all_examples(self):
        together = Statistics(statistics(ROWS))
        merged = Statistics(statistics(ROWS[:1])).merge(Statistics(statistics(ROWS[1:])))
        for mine, theirs in zip(merged.means, together.means):
            self.assertAlmostEqual(theirs, mine)
        self.assertAlmostEqual(together.error(7, 8), merged.error(7, 8))
        self.assertEqual((3, 7), (merged.count, merged.balanced()))

    def test_a_merge_may_leave_out_a_partition(self):
        one, two, three = (Statistics(statistics([each])) for each in ROWS)
        self.assertEqual([1, 3, 3, 1], [len(list(merges([[one], [two], [three]], count))) for count in (3, 1, 2, 3)])
        self.assertEqual([], list(merges([[one], [two]], 3)))


if __name__ == "__main__":
    unittest.main()
