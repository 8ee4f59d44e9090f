"""python -m unittest discover -s tools/delivery"""
import random
import unittest

from pauses import Entry, Journal, Ownership, by_partition, longest_without_result, restarts
from rollout import ROLLING, STEADY, Phase, failed, findings_by_phase, takeover_row
from traffic import Arrivals, Takeover, backlog

TOPIC = "generation-requests"


def entry(sent, answered, partition=0, offset=0):
    return Entry((TOPIC, partition, offset), "request", sent, answered)


class Pauses(unittest.TestCase):

    def longest(self, *entries, begin=0, end=100):
        return longest_without_result(entries, begin, end)

    def test_time_without_an_open_request_is_no_pause(self):
        self.assertEqual(0, self.longest())
        self.assertEqual(2, self.longest(entry(10, 11), entry(50, 52)))

    def test_each_result_ends_a_pause(self):
        self.assertEqual(6, self.longest(entry(0, 10), entry(1, 4), entry(2, 20), entry(9, 14)))

    def test_a_pause_is_clipped_to_the_times(self):
        self.assertEqual(5, self.longest(entry(0, 25), begin=20))
        self.assertEqual(10, self.longest(entry(0, 25), begin=5, end=15))
        self.assertEqual(0, self.longest(entry(0, 25), begin=30))

    def test_a_request_without_a_result_is_open_until_the_end(self):
        self.assertEqual(70, self.longest(entry(30, None)))

    def test_a_request_that_is_answered_at_once_is_no_pause(self):
        self.assertEqual(1, self.longest(entry(5, 5), entry(6, 7)))

    def test_partitions_are_separate(self):
        groups = by_partition([entry(0, 30), entry(0, 10, partition=1), entry(5, 20, partition=1)])
        self.assertEqual({0: 30, 1: 10}, {partition: self.longest(*group) for (_, partition), group in groups.items()})


class Journals(unittest.TestCase):

    def test_a_result_that_precedes_the_acknowledgement_of_its_request_is_not_forgotten(self):
        journal = Journal()
        journal.answered((TOPIC, 0, 1), "worker-1", "invalid_value")
        journal.sent((TOPIC, 0, 1), "request")
        journal.sent((TOPIC, 0, 2), "request")
        first, second = sorted(journal.entries(), key=lambda each: each.source)
        self.assertEqual((0, "invalid_value"), (first.wait, first.error))
        self.assertIsNone(second.wait)
        self.assertEqual(1, journal.open_before(second.sent + 1))
        self.assertEqual(0, journal.open_before(second.sent))

    def test_the_first_result_counts(self):
        journal = Journal()
        journal.sent((TOPIC, 0, 1), "request")
        journal.answered((TOPIC, 0, 1), "worker-1", None)
        before = journal.entries()[0].answered
        journal.answered((TOPIC, 0, 1), "worker-2", "error")
        self.assertEqual((before, None), (journal.entries()[0].answered, journal.entries()[0].error))
        self.assertEqual(1, journal.counts()["repeated"])


class Owners(unittest.TestCase):

    def test_the_longest_time_without_an_owner_is_that_of_one_partition(self):
        ownership = Ownership()
        for now, owned in enumerate([[0, 1], [1], [1], [0], [0], [0, 1], []]):
            ownership.see([0, 1], owned, now)
        self.assertEqual(1, ownership.longest)
        ownership.see([0, 1], [0], 16)
        self.assertEqual(10, ownership.longest)


class Restarted(unittest.TestCase):

    def test_a_larger_attempt_is_a_restart_and_the_events_before_are_discarded(self):
        events = [(1, "a", 3), (2, "a", 3), (3, "b", 3), (10, "a", 5), (11, "a", 5), (12, "a", 5)]
        found = restarts(events, 0, 100)
        self.assertEqual((1, 2, 6), (found.started_again, found.discarded, found.events))

    def test_a_restart_counts_when_the_later_attempt_begins(self):
        events = [(1, "a", 3), (10, "a", 5), (20, "a", 7)]
        self.assertEqual([(1, 1), (1, 1), (0, 0)], [(found.started_again, found.discarded) for found in (
            restarts(events, 5, 15), restarts(events, 15, 25), restarts(events, 25, 35))])


class Pace(unittest.TestCase):

    def test_arrivals_do_not_depend_on_the_open_requests(self):
        now = [0.0]
        arrivals = Arrivals(random.Random(7), 5, lambda: now[0])
        count = 0
        for _ in range(20_000):
            now[0] += 0.05
            count += arrivals(10 ** 6)
        self.assertAlmostEqual(5, count / now[0], delta=0.2)

    def test_a_backlog_is_filled(self):
        self.assertEqual(3, backlog(10)(7))


class Report(unittest.TestCase):

    phases = [Phase(STEADY, 0, 10), Phase(ROLLING, 10, 20)]

    def test_a_finding_belongs_to_the_phase_in_which_its_request_was_sent(self):
        entries = [entry(5, 12, offset=1), entry(15, None, offset=2), entry(25, None, offset=3)]
        report = {"findings": {"repeated": {"first": [f"request {TOPIC}-0-1 'r-1': generation-results-2@7, generation-results-1@9"]},
                               "missing": {"first": [f"request {TOPIC}-0-2 'r-2'", f"request {TOPIC}-0-3"]},
                               "no_source": {"first": ["generation-results-0@1"]}}}
        steady, rolling, other = findings_by_phase(report, entries, self.phases)
        self.assertEqual(({"repeated": 1}, {"missing": 1}, {"missing": 1, "no_source": 1}), (steady, rolling, other))

    def test_the_times_of_a_takeover_are_those_of_the_worst_partition(self):
        partitions = [(TOPIC, 0), (TOPIC, 1)]
        takeover = Takeover("worker-1", partitions, dict.fromkeys(partitions, "g%2Fworker-1-aaaa"), 0, float("inf"))
        start = takeover.killed
        takeover.see_owners({partitions[0]: None, partitions[1]: "g%2Fworker-1-aaaa"}, start + 5)
        takeover.see_owners({partitions[0]: "g%2Fworker-2-bbbb", partitions[1]: None}, start + 6)
        takeover.see_owners({partitions[0]: "g%2Fworker-2-bbbb", partitions[1]: "g%2Fworker-2-bbbb"}, start + 9)
        takeover.see(partitions[0], "worker-1", start + 20)
        takeover.see(partitions[0], "worker-2", start + 21)
        row = takeover_row(None, "SIGTERM", takeover)
        self.assertEqual((9, 21), tuple(round(row[name], 6) for name in ("owned_after", "first_result_after")))

    def test_anything_lost_repeated_wrong_or_failed_is_a_failure(self):
        good = {"failures": [], "requests": {"open": 0, "errors": {}}, "verifier": {"ok": True}}
        self.assertFalse(failed(good))
        for bad in ({"failures": ["worker-1 ran 65 s after SIGTERM"]}, {"requests": {"open": 1, "errors": {}}},
                    {"requests": {"open": 0, "errors": {"invalid_value": 1}}}, {"verifier": {"ok": False}}):
            self.assertTrue(failed({**good, **bad}), bad)


if __name__ == "__main__":
    unittest.main()
