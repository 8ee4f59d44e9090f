"""python -m unittest discover -s tools/delivery"""
import math
import unittest
from unittest import mock

import pods
from pods import Deployment, base_settings, grace_seconds, rolling_step
from workers import Worker, WorkerError


class RollingSteps(unittest.TestCase):

    def test_a_new_pod_starts_before_an_old_one_ends(self):
        self.assertEqual((1, 0), rolling_step(3, old=3, new=0, ready=3))
        self.assertEqual((0, 0), rolling_step(3, old=3, new=1, ready=3))
        self.assertEqual((0, 1), rolling_step(3, old=3, new=1, ready=4))
        self.assertEqual((1, 0), rolling_step(3, old=2, new=1, ready=3))

    def test_all_pods_are_replaced_and_there_are_never_too_few_or_too_many(self):
        for replicas in range(1, 12):
            old, new, ready_new = replicas, 0, 0
            for _ in range(10 * replicas):
                start, end = rolling_step(replicas, old, new, old + ready_new)
                new += start
                old -= end
                self.assertLessEqual(old + new, replicas + math.ceil(replicas / 4))
                self.assertGreaterEqual(old + ready_new, replicas - replicas // 4)
                if ready_new < new:
                    ready_new += 1
            self.assertEqual((0, replicas), (old, new))

    def test_pods_that_are_not_ready_stop_the_update(self):
        self.assertEqual((0, 0), rolling_step(4, old=4, new=1, ready=3))

    def test_a_quarter_may_be_missing_in_larger_deployments(self):
        self.assertEqual((2, 2), rolling_step(8, old=8, new=0, ready=8))


class Base(unittest.TestCase):

    def test_the_settings_of_the_manifests_are_read(self):
        self.assertEqual("20S", base_settings()["TIDEMARK_WORKER_SHUTDOWN_GRACE"])
        self.assertEqual(65, grace_seconds())


class Process:
    """Ends when the test says so."""

    def __init__(self):
        self.returncode = None
        self.signals = []

    def poll(self):
        return self.returncode

    def terminate(self):
        self.signals.append("SIGTERM")

    def kill(self):
        self.signals.append("SIGKILL")
        self.returncode = -9


class Started(Worker):
    """Is ready unless the test says otherwise."""

    loads = True

    def is_ready(self):
        return self.loads

    def log_tail(self, lines=25):
        return ""


class Launcher:

    def __init__(self):
        self.started = []

    def start(self, name, port, log_name):
        self.started.append(Started(name, port, Process(), log_name))
        return self.started[-1]


class Deployments(unittest.TestCase):

    def setUp(self):
        self.now = 1000.0
        clock = mock.patch.object(pods.time, "monotonic", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        ports = mock.patch.object(pods, "free_ports", lambda count: [0] * count)
        ports.start()
        self.addCleanup(ports.stop)
        self.launcher = Launcher()
        self.signals = []
        self.deployment = Deployment(self.launcher, lambda pod, name: self.signals.append((name, pod.name)), grace=65)

    def check(self, times=1, seconds=1):
        for _ in range(times):
            self.now += seconds
            self.deployment.check()

    def ready(self, replicas):
        self.deployment.scale(replicas)
        self.check(2)

    def test_a_rolling_update_replaces_one_pod_after_the_other(self):
        self.ready(3)
        self.assertTrue(self.deployment.settled)
        self.deployment.roll_out()
        self.check(20)
        self.assertEqual([("SIGTERM", f"worker-{n}") for n in (1, 2, 3)], sorted(self.signals))
        self.assertEqual(6, len(self.launcher.started))
        self.assertFalse(self.deployment.settled, "the old processes still run")
        for worker in self.launcher.started[:3]:
            worker.process.returncode = 143
        self.check()
        self.assertTrue(self.deployment.settled)
        self.assertEqual([], self.deployment.failures)

    def test_a_pod_that_does_not_end_is_killed_after_the_grace_period_and_that_is_a_failure(self):
        self.ready(1)
        self.deployment.scale(0)
        self.check(65)
        self.assertEqual(["SIGTERM"], self.launcher.started[0].process.signals)
        self.check(2)
        self.assertEqual(["SIGTERM", "SIGKILL"], self.launcher.started[0].process.signals)
        self.assertTrue(self.deployment.pods[0].forced)
        self.assertIn("worker-1 ran 65 s after SIGTERM", self.deployment.failures[0])

    def test_another_exit_code_after_sigterm_is_a_failure(self):
        self.ready(1)
        self.deployment.scale(0)
        self.launcher.started[0].process.returncode = 1
        self.check()
        self.assertIn("with code 1", self.deployment.failures[0])

    def test_a_pod_that_ends_by_itself_ends_the_run(self):
        self.ready(1)
        self.launcher.started[0].process.returncode = 0
        with self.assertRaisesRegex(WorkerError, "worker-1 ended by itself with code 0"):
            self.check()

    def test_a_pod_without_a_node_is_not_replaced_until_there_is_room(self):
        self.ready(2)
        self.deployment.paused = True
        self.deployment.kill(self.deployment.pods[0])
        self.check(5)
        self.assertEqual(2, len(self.launcher.started))
        self.deployment.paused = False
        self.check(2)
        self.assertEqual(3, len(self.launcher.started))
        self.assertTrue(self.deployment.settled)
        self.assertEqual([("SIGKILL", "worker-1")], self.signals)

    def test_scale_in_ends_pods_that_are_not_ready_and_then_the_newest(self):
        self.ready(1)
        self.ready(2)
        self.deployment.scale(3)
        self.check()
        self.launcher.started[2].loads = False
        self.launcher.started[2].ready = False
        self.deployment.scale(1)
        self.assertEqual([("SIGTERM", "worker-3"), ("SIGTERM", "worker-2")], self.signals)


if __name__ == "__main__":
    unittest.main()
