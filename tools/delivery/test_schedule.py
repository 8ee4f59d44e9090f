"""python -m unittest discover -s tools/delivery"""
import random
import unittest

from schedule import CRASH, ENDS, FAULTS, HANG, KILLING_REASON, LARGE, ROUND, SUSPECT_REASON, Schedule, reason_to_defer


def free(kind):
    return None


def suspecting(kind):
    return reason_to_defer(kind, False, True)


class Holds(unittest.TestCase):

    def held(self, **state):
        return {kind for kind in FAULTS if reason_to_defer(kind, **state) is not None}

    def test_faults_that_end_a_worker_wait_while_a_request_that_does_not_kill_is_suspected(self):
        self.assertEqual({"kill", "suspend", "terminate", "scale"}, self.held(killing=False, suspect=True))

    def test_deaths_and_the_next_request_that_kills_wait_while_one_is_open(self):
        self.assertEqual({"kill", "suspend", CRASH, HANG}, self.held(killing=True, suspect=False))

    def test_otherwise_no_fault_waits(self):
        self.assertEqual(set(), self.held(killing=False, suspect=False))


class Order(unittest.TestCase):

    def schedule(self, kinds=FAULTS, every=None):
        return Schedule(random.Random(7), kinds, every)

    def rounds(self, schedule, count):
        """The last fault of each round; the others are as often in it as planned."""
        last = []
        for _ in range(count):
            *taken, killing = [schedule.take(free) for _ in range(len(ROUND) + 1)]
            self.assertEqual(sorted(ROUND), sorted(taken))
            last.append(killing)
        self.assertEqual({}, schedule.deferred)
        return last

    def test_a_round_has_each_fault_as_often_as_planned_and_requests_that_kill_in_turn_at_its_end(self):
        self.assertEqual([CRASH, HANG, CRASH], self.rounds(self.schedule(), 3))

    def test_without_a_hanging_request_each_round_ends_with_a_crashing_one(self):
        self.assertEqual([CRASH, CRASH], self.rounds(self.schedule([kind for kind in FAULTS if kind != HANG]), 2))

    def test_other_faults_pass_those_that_are_deferred(self):
        schedule = self.schedule()
        passed = [schedule.take(suspecting) for _ in range(8)]
        self.assertEqual(["broker kill", "broker restart", CRASH, LARGE, "broker kill", "broker restart", HANG, LARGE],
                         sorted(passed[:4]) + sorted(passed[4:]))

    def test_deferred_faults_begin_first_and_none_is_dropped(self):
        schedule = self.schedule()
        for _ in range(1000):
            schedule.take(suspecting)
        waiting = 2 * sum(kind in ENDS for kind in ROUND)
        self.assertEqual(sorted(kind for kind in 2 * ROUND if kind in ENDS), sorted(schedule.take(free) for _ in range(waiting)))
        self.assertLessEqual(schedule.deferred[SUSPECT_REASON], waiting)

    def test_deferred_faults_do_not_accumulate(self):
        schedule = self.schedule(["kill", "suspend"])
        for _ in range(1000):
            self.assertIsNone(schedule.take(suspecting))
        self.assertEqual({SUSPECT_REASON: 1}, schedule.deferred)
        self.assertEqual(["kill"] * 3 + ["suspend"], sorted(schedule.take(free) for _ in range(4)))

    def test_deferred_faults_are_counted_for_each_reason(self):
        schedule = self.schedule(["kill", CRASH])
        self.assertIsNone(schedule.take(lambda kind: reason_to_defer(kind, True, False)))
        self.assertEqual({KILLING_REASON: 1}, schedule.deferred)

    def test_a_fault_that_was_not_possible_follows_the_planned_ones(self):
        schedule = self.schedule(["broker kill", CRASH])
        self.assertEqual("broker kill", schedule.take(free))
        schedule.put_back("broker kill")
        self.assertEqual([CRASH, "broker kill"], [schedule.take(free), schedule.take(free)])

    def test_without_faults_there_is_no_next_one(self):
        self.assertIsNone(self.schedule([]).take(free))

    def test_faults_at_a_fixed_interval_never_overlap(self):
        schedule = self.schedule(["kill"], every=40)
        self.assertEqual({40}, {schedule.seconds_after("kill") for _ in range(100)})
        schedule = self.schedule(["kill"])
        self.assertLess(min(schedule.seconds_after("kill") for _ in range(100)), 2)


if __name__ == "__main__":
    unittest.main()
