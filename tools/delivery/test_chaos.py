"""Tests of the faults of the chaos run: python -m unittest discover -s tools/delivery"""
import threading
import unittest

from broker import BrokerError
from chaos import BrokerFault, default_faults
from schedule import FAULTS, GRACEFUL, HANG


class FakeNode:
    """Its stop takes until the test allows its end."""

    def __init__(self, error=None):
        self.calls, self.stopping, self.may_stop, self._error = [], threading.Event(), threading.Event(), error

    def stop(self):
        self.stopping.set()
        self.may_stop.wait(60)
        self.calls.append("stop")

    def kill(self):
        self.calls.append("kill")

    def start(self):
        self.calls.append("start")
        if self._error:
            raise self._error


class DefaultFaultsTest(unittest.TestCase):

    def test_a_short_run_has_no_hanging_request_and_one_broker_no_graceful_stop(self):
        for seconds, brokers, without in ((60, 1, {HANG, GRACEFUL}), (60, 3, {HANG}), (3600, 1, {GRACEFUL}), (3600, 3, set())):
            self.assertEqual(without, set(FAULTS) - set(default_faults(seconds, brokers)), (seconds, brokers))


class BrokerFaultTest(unittest.TestCase):

    def test_the_node_is_killed_or_stopped_and_started_again(self):
        for kill, calls in ((True, ["kill", "start"]), (False, ["stop", "start"])):
            node = FakeNode()
            node.may_stop.set()
            fault = BrokerFault(node, kill, 0)
            fault.start()
            fault.join(60)
            self.assertEqual((calls, []), (node.calls, fault.failures))

    def test_a_node_that_does_not_start_is_a_failure(self):
        fault = BrokerFault(FakeNode(BrokerError("no port")), True, 0)
        fault.start()
        fault.join(60)
        self.assertEqual(["no port"], fault.failures)

    def test_the_end_of_the_run_waits_for_the_stop_and_prevents_the_start(self):
        node = FakeNode()
        fault = BrokerFault(node, False, 0.1)
        fault.start()
        node.stopping.wait(60)
        threading.Timer(0.5, node.may_stop.set).start()
        fault.end()
        self.assertFalse(fault.is_alive())
        self.assertEqual(["stop"], node.calls)


if __name__ == "__main__":
    unittest.main()
