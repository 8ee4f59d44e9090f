"""python -m unittest discover -s tools/delivery"""
import threading
import time
import unittest
from unittest import mock

from topic_reader import TopicReader

SECONDS = 30   # the longest time that a test waits


class Message:

    def __init__(self, offset, partition=0, seconds=0):
        """seconds: the time of the record, since 1970"""
        self._offset, self._partition, self._seconds = offset, partition, seconds

    def error(self):
        return None

    def topic(self):
        return "results"

    def partition(self):
        return self._partition

    def offset(self):
        return self._offset

    def timestamp(self):
        return 1, int(1000 * self._seconds)


class Consumer:
    """Returns its records once, and nothing after them."""

    def __init__(self, records):
        self._records = list(records)
        self.assigned = None
        self.closed = False

    def list_topics(self, topic, timeout):
        return mock.Mock(topics={topic: mock.Mock(partitions={0: None, 1: None})})

    def assign(self, partitions):
        self.assigned = {(each.topic, each.partition): each.offset for each in partitions}

    def consume(self, count, timeout):
        records, self._records = self._records[:count], self._records[count:]
        return records

    def close(self):
        self.closed = True


class Reader(TopicReader):

    RENEW_SECONDS = 0.05
    CLOSE_SECONDS = 0.05

    def __init__(self, expected, error=None):
        super().__init__("results", "broker:1", ["results"])
        self.taken = []
        self.complete = threading.Event()
        self._expected, self._failure = expected, error

    def _take(self, message):
        self.taken.append((message.partition(), message.offset()))
        if len(self.taken) == self._expected:
            self.complete.set()
            if self._failure is not None:
                raise self._failure


class TopicReaders(unittest.TestCase):

    def read(self, consumers, reader):
        """Runs a reader whose n-th consumer is the n-th one; further ones have no records."""
        made = iter(consumers)
        with mock.patch("topic_reader.Consumer", lambda config: next(made, None) or Consumer([])):
            reader.start()
            self.assertTrue(reader.complete.wait(SECONDS), f"only {reader.taken}")
            reader.end()

    def test_another_consumer_continues_where_one_stopped_fetching(self):
        consumers = [Consumer([Message(0), Message(4), Message(7, 1)]), Consumer([Message(5), Message(8, 1)])]
        reader = Reader(5)
        with self.assertLogs("chaos", "WARNING") as logs:
            self.read(consumers, reader)
        self.assertEqual(["the consumer of 'results' had stopped fetching; another one continues"],
                         [each.getMessage() for each in logs.records])
        self.assertEqual([(0, 0), (0, 4), (1, 7), (0, 5), (1, 8)], reader.taken)
        self.assertEqual({("results", 0): 0, ("results", 1): 0}, consumers[0].assigned)
        self.assertEqual({("results", 0): 5, ("results", 1): 8}, consumers[1].assigned)
        self.assertEqual([True, True], [each.closed for each in consumers])

    def test_a_new_record_after_a_pause_is_no_stop(self):
        with self.assertNoLogs("chaos"):
            self.read([Consumer([Message(0)]), Consumer([Message(1, seconds=time.time() + 60)])], Reader(2))

    def test_another_consumer_continues_if_one_does_not_close(self):
        never = threading.Event()
        stuck = Consumer([Message(0)])
        stuck.close = never.wait
        reader = Reader(2)
        with self.assertLogs("chaos", "WARNING") as logs:
            self.read([stuck, Consumer([Message(1, seconds=time.time() + 60)])], reader)
        never.set()
        self.assertEqual(["the consumer of 'results' does not close"], [each.getMessage() for each in logs.records])
        self.assertEqual([(0, 0), (0, 1)], reader.taken)

    def test_a_record_that_is_read_again_is_taken_once(self):
        reader = Reader(3)
        later = time.time() + 60
        self.read([Consumer([Message(0), Message(1)]), Consumer([Message(n, seconds=later) for n in range(3)])], reader)
        self.assertEqual([(0, 0), (0, 1), (0, 2)], reader.taken)

    def test_the_end_raises_what_ended_the_thread(self):
        with mock.patch("threading.excepthook"), self.assertRaisesRegex(ValueError, "no provenance"):
            self.read([Consumer([Message(0)])], Reader(1, ValueError("no provenance")))

    def test_the_group_has_the_name_of_the_reader_and_reads_what_is_committed(self):
        with mock.patch("threading.excepthook"), mock.patch("topic_reader.Consumer", side_effect=RuntimeError("enough")) as made:
            reader = Reader(1)
            reader.start()
            self.assertRaisesRegex(RuntimeError, "enough", reader.end)
        config = made.call_args[0][0]
        self.assertEqual(("results", "read_committed", False),
                         (config["group.id"], config["isolation.level"], config["enable.auto.commit"]))


if __name__ == "__main__":
    unittest.main()
