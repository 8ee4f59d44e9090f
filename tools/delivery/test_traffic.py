"""python -m unittest discover -s tools/delivery"""
import unittest
from unittest import mock

from traffic import Ledger, Takeover

PARTITIONS = [("requests", 0), ("requests", 1)]
DEAD = "group%2Fworker-1-0000aaaa"


class Takeovers(unittest.TestCase):

    def takeover(self, *owners):
        return Takeover("worker-1", PARTITIONS, dict(zip(PARTITIONS, owners)), 0)

    def test_a_partition_has_a_new_owner_when_the_metadata_names_another_process(self):
        takeover = self.takeover(DEAD, DEAD)
        takeover.see_owners({PARTITIONS[0]: DEAD, PARTITIONS[1]: "group%2Fworker-2-0000bbbb"}, takeover.killed + 9)
        self.assertEqual({PARTITIONS[0]: None, PARTITIONS[1]: 9}, takeover.owned)
        takeover.see_owners({PARTITIONS[0]: "group%2Fworker-1-0000cccc", PARTITIONS[1]: None}, takeover.killed + 10)
        self.assertEqual({PARTITIONS[0]: 10, PARTITIONS[1]: 9}, takeover.owned, "a restarted process has a new id")
        self.assertEqual(10, takeover.worst_owned)

    def test_a_process_that_released_its_partition_before_is_another_owner(self):
        takeover = self.takeover(DEAD, "group%2Fworker-2-0000bbbb")
        takeover.see_owners({PARTITIONS[0]: "group%2Fworker-2-0000bbbb"}, takeover.killed + 9)
        self.assertEqual(9, takeover.owned[PARTITIONS[0]])

    def test_it_is_complete_when_all_partitions_have_an_owner_and_a_result(self):
        takeover = self.takeover(DEAD, DEAD)
        for partition in PARTITIONS:
            takeover.see_owners({partition: "group%2Fworker-2-0000bbbb"}, takeover.killed + 9)
            self.assertFalse(takeover.complete)
            takeover.see(partition, "worker-2", takeover.killed + 12)
        self.assertTrue(takeover.complete)
        self.assertEqual(12, takeover.worst_first_result)


class Silence(unittest.TestCase):

    def ledger(self, *events):
        """Events are (second, source or None for no result); returns the longest silence after the last one."""
        clock = mock.Mock(return_value=0)
        with mock.patch("traffic.time.monotonic", clock):
            ledger = Ledger()
            for offset in range(3):
                ledger.sent(("requests", 0, offset), "request")
            for second, offset in events:
                clock.return_value = second
                if offset is not None:
                    ledger.answered(("requests", 0, offset), "worker-1", None)
            return ledger.longest_silence

    def test_it_is_the_longest_time_between_two_results(self):
        self.assertEqual(8, self.ledger((100, 0), (108, 1), (110, 2)))

    def test_it_includes_the_time_since_the_last_result_while_requests_are_open(self):
        self.assertEqual(90, self.ledger((100, 0), (108, 1), (198, None)))
        self.assertEqual(8, self.ledger((100, 0), (108, 1), (110, 2), (198, None)))

    def test_the_time_before_the_first_result_does_not_count(self):
        self.assertEqual(0, self.ledger((100, None)))


if __name__ == "__main__":
    unittest.main()
