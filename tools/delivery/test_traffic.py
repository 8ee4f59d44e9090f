"""python -m unittest discover -s tools/delivery"""
import unittest

from traffic import TakeOver

PARTITIONS = [("requests", 0), ("requests", 1)]
DEAD = "group%2Fworker-1-0000aaaa"


class TakeOvers(unittest.TestCase):

    def take_over(self, *owners):
        return TakeOver("worker-1", PARTITIONS, dict(zip(PARTITIONS, owners)), 0)

    def test_a_partition_has_a_new_owner_when_the_metadata_names_another_process(self):
        take_over = self.take_over(DEAD, DEAD)
        take_over.see_owners({PARTITIONS[0]: DEAD, PARTITIONS[1]: "group%2Fworker-2-0000bbbb"}, take_over.killed + 9)
        self.assertEqual({PARTITIONS[0]: None, PARTITIONS[1]: 9}, take_over.owned)
        take_over.see_owners({PARTITIONS[0]: "group%2Fworker-1-0000cccc", PARTITIONS[1]: None}, take_over.killed + 10)
        self.assertEqual({PARTITIONS[0]: 10, PARTITIONS[1]: 9}, take_over.owned, "a restarted process has a new id")
        self.assertEqual(10, take_over.worst_owned)

    def test_a_process_that_released_its_partition_before_is_another_owner(self):
        take_over = self.take_over(DEAD, "group%2Fworker-2-0000bbbb")
        take_over.see_owners({PARTITIONS[0]: "group%2Fworker-2-0000bbbb"}, take_over.killed + 9)
        self.assertEqual(9, take_over.owned[PARTITIONS[0]])

    def test_it_is_complete_when_all_partitions_have_an_owner_and_a_result(self):
        take_over = self.take_over(DEAD, DEAD)
        for partition in PARTITIONS:
            take_over.see_owners({partition: "group%2Fworker-2-0000bbbb"}, take_over.killed + 9)
            self.assertFalse(take_over.complete)
            take_over.see(partition, "worker-2", take_over.killed + 12)
        self.assertTrue(take_over.complete)
        self.assertEqual(12, take_over.worst_first_result)


if __name__ == "__main__":
    unittest.main()
