"""Tests of the judgement of batches that failed: python -m unittest discover -s tools/delivery"""
import json
import unittest

from calibrator_chaos import Attempts, judge_failed
from calibrators import BATCHES

BATCH = (1, 17)


def attempts(failures, process):
    return json.dumps({"version": 1, "failures": failures, "running_in": process})


class JudgeFailedTest(unittest.TestCase):

    def setUp(self):
        # p0 gives the batch back; p1, p2 and p3 die
        self.seen = {BATCH: [(0, "p0", 100.0), (0, "p1", 110.0), (1, "p2", 120.0), (2, "p3", 130.0)]}
        self.deaths = [112.0, 125.0, 131.0]
        self.letters = {BATCH: 140.0}

    def judged(self):
        return judge_failed(self.letters, self.seen, self.deaths)

    def test_a_dead_letter_after_three_deaths(self):
        self.assertEqual(([], 0), self.judged())

    def test_no_dead_letter(self):
        self.letters, self.deaths = {}, []
        self.assertEqual(([], 0), self.judged())

    def test_an_attempt_without_a_death(self):
        for number, at in ((1, 105.0), (2, 115.0), (3, 141.0)):
            with self.subTest(number):
                deaths = list(self.deaths)
                deaths[number - 1] = at
                wrong, _ = judge_failed(self.letters, self.seen, deaths)
                self.assertEqual([f"the batch at 1@17 failed, and no process died in its attempt {number}"], wrong)

    def test_an_attempt_that_was_not_read_is_counted(self):
        del self.seen[BATCH][2]
        self.assertEqual(([], 1), self.judged())
        self.seen = {}
        self.assertEqual(([], 1), self.judged())

    def test_more_dead_letters_than_deaths_allow(self):
        self.letters[2, 5] = 150.0
        self.assertEqual((["2 batches failed, with 3 deaths of processes"], 1), self.judged())


class AttemptsTest(unittest.TestCase):

    def test_each_attempt_is_taken_once_with_the_time_of_its_first_reading(self):
        read = Attempts(("127.0.0.1", 1))
        for now, metadata in enumerate((attempts(0, "p1"), attempts(0, "p1"), attempts(1, None), "", attempts(1, "p2"))):
            read.take({(BATCHES, 1): (17, metadata), ("another", 1): (17, "x")}, float(now))
        read.take({(BATCHES, 1): (18, attempts(0, "p2")), (BATCHES, 0): (17, "")}, 5.0)
        self.assertEqual({(1, 17): [(0, "p1", 0.0), (1, "p2", 4.0)], (1, 18): [(0, "p2", 5.0)]}, read.seen)
        self.assertEqual({0: 1, 1: 1}, read.figures())


if __name__ == "__main__":
    unittest.main()
