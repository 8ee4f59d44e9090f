"""Tests of how scenes wait for results: python -m unittest discover -s tools/delivery"""
import json
import random
import threading
import unittest
from unittest import mock

from service import BASE, Requests, Results, SceneFailed
from traffic import Ledger, StateReader

DIGEST = "aa" * 32


def message(value, key=b"key", timestamp=1000):
    return mock.Mock(**{"value.return_value": value, "key.return_value": key, "timestamp.return_value": (1, timestamp)})


def result(ident, offset, error=None, digest=DIGEST):
    value = {"id": ident, "tidemark": {"source": {"topic": "t", "partition": 0, "offset": offset}, "worker": "w", "adapter_digest": digest}}
    return json.dumps({**value, "error": {"code": error}} if error else value).encode()


class ResultsTest(unittest.TestCase):

    def setUp(self):
        self.ledger = Ledger()
        self.results = Results("localhost:1", self.ledger)

    def test_results_are_awaited_in_the_order_of_their_requests(self):
        self.results._take(message(result("b", 1)))
        late = threading.Thread(target=lambda: self.results._take(message(result("a", 0, "unknown_adapter"))))
        late.start()
        self.assertEqual(["unknown_adapter", None], [each["error"] for each in self.results.of(["a", "b"])])
        late.join()
        self.assertEqual({"unknown_adapter": 1}, self.results.errors("a"))
        self.assertEqual({}, self.results.errors("b"))
        self.assertEqual(2, self.ledger.counts()["answered"])

    def test_a_result_that_does_not_come_fails_the_scene(self):
        with self.assertRaisesRegex(SceneFailed, "1 of 2 requests have no result"):
            self.results._take(message(result("b", 1)))
            self.results.of(["a", "b"], 0.01)

    def test_the_first_result_of_a_version_is_no_error(self):
        self.results._take(message(result("a", 0, "internal_error"), timestamp=1))
        self.results._take(message(result("b", 1), timestamp=2))
        self.results._take(message(result("c", 2), timestamp=3))
        self.assertEqual((2, None), (self.results.first(DIGEST), self.results.first("bb" * 32)))


class RequestsTest(unittest.TestCase):

    def test_each_request_has_an_id_of_its_own(self):
        requests = Requests(random.Random(7), [BASE])
        ids = [requests.next().id for _ in range(20)] + [requests.of("a", "load").id for _ in range(20)]
        self.assertEqual(40, len(set(ids)))


class StateReaderTest(unittest.TestCase):

    def test_the_last_state_of_a_process_counts_until_it_is_removed(self):
        states = StateReader("localhost:1")
        value = {"base": {"digest": DIGEST}, "adapters": [{"name": "a", "state": "ready"}]}
        states._take(message(json.dumps(value).encode(), b"w"))
        states._take(message(b"{}", b"w/heartbeat"))
        self.assertEqual((DIGEST, "ready", {}), (states.base(), states.adapter("w", "a")["state"], states.adapter("w", "b")))
        states._take(message(None, b"w"))
        self.assertEqual((None, {}), (states.base(), states.adapter("w", "a")))


if __name__ == "__main__":
    unittest.main()
