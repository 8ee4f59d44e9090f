"""Worker processes in place of the pods of a Deployment: what its controller, a disruption budget and a kubelet do.

Settings, grace period and disruption budget are those of k8s/base.
"""
import math
import re
import signal
import time

from broker import free_ports
from workers import ROOT, START_SECONDS, WorkerError

BASE = ROOT / "k8s" / "base"
# exit codes of a JVM that gets SIGTERM, and of one that gets it before its handler is installed
TERMINATED = (143, -signal.SIGTERM)


def base_settings():
    """The environment of the base's ConfigMap."""
    lines = (BASE / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def grace_seconds():
    """terminationGracePeriodSeconds of the worker's pod: the time from SIGTERM to SIGKILL."""
    return int(re.search(r"^ +terminationGracePeriodSeconds: (\d+)$", (BASE / "worker.yaml").read_text(), re.MULTILINE)[1])


def rolling_step(replicas, old, new, ready):
    """
    How many pods of the new revision to start now, and of the old one to end: the RollingUpdate strategy with its
    defaults, maxSurge 25% (rounded up) and maxUnavailable 25% (rounded down).

    old, new: pods of the two revisions; ready: those of both that are ready. Pods that got SIGTERM do not count, as in
    Kubernetes: their processes run beside the others.
    """
    surge, unavailable = math.ceil(replicas / 4), replicas // 4
    start = max(0, min(replicas - new, replicas + surge - old - new))
    end = max(0, min(old, ready - (replicas - unavailable)))
    return start, end


class Pod:
    """A worker process, and what happened to it."""

    def __init__(self, worker, revision):
        self.worker = worker
        self.revision = revision
        self.ready_after = None   # seconds
        self.ended_after = None   # seconds from SIGTERM
        self.forced = False       # whether it needed SIGKILL after SIGTERM

    @property
    def name(self):
        return self.worker.name

    @property
    def active(self):
        """Whether it counts as one of the replicas: neither terminating nor ended."""
        return self.worker.alive and self.worker.terminated is None

    @property
    def terminating(self):
        return self.worker.alive and self.worker.terminated is not None


class Deployment:
    """Starts and ends pods. All methods are for one thread, which calls `check` several times a second."""

    PROBE_SECONDS = 0.2

    def __init__(self, launcher, on_signal, grace=None):
        """on_signal: called with a pod and the name of the signal before the pod gets it"""
        self._launcher = launcher
        self._on_signal = on_signal
        self._grace = grace or grace_seconds()
        self._probed = 0.0
        self._revision = 1
        self.replicas = 0
        self.paused = False   # as while no node has room: pods that are missing are not started
        self.pods = []        # all that ever were
        self.failures = []

    def active(self):
        return [pod for pod in self.pods if pod.active]

    def ready(self):
        return [pod for pod in self.pods if pod.active and pod.worker.ready]

    @property
    def settled(self):
        """Whether all replicas are ready and of the newest revision, and no other process runs."""
        ready = self.ready()
        return (len(ready) == self.replicas and all(pod.revision == self._revision for pod in ready)
                and sum(pod.worker.alive for pod in self.pods) == len(ready))

    def scale(self, replicas):
        """Pods that are not ready end first, then the newest ones, as in a ReplicaSet."""
        self.replicas = replicas
        surplus = sorted(self.active(), key=lambda pod: (pod.worker.ready, -pod.worker.started))
        for pod in surplus[:max(0, len(surplus) - replicas)]:
            self.terminate(pod)

    def roll_out(self):
        """A new revision: `check` replaces the pods."""
        self._revision += 1

    def terminate(self, pod):
        self._on_signal(pod, "SIGTERM")
        pod.worker.terminate()

    def kill(self, pod):
        """SIGKILL without SIGTERM, as when the node of the pod is lost."""
        self._on_signal(pod, "SIGKILL")
        pod.worker.killed = True
        pod.worker.process.kill()

    def check(self):
        """Watches the processes, and takes the next step towards the replicas of the newest revision."""
        now = time.monotonic()
        for pod in self.pods:
            self._watch(pod, now)
        if now - self._probed > self.PROBE_SECONDS:
            for pod in self.active():
                self._probe(pod)
            self._probed = time.monotonic()
        if not self.paused:
            self._step()

    def kill_all(self):
        for pod in self.pods:
            pod.worker.kill()

    def _step(self):
        active = self.active()
        old = [pod for pod in active if pod.revision != self._revision]
        if old:
            start, end = rolling_step(self.replicas, len(old), len(active) - len(old), len(self.ready()))
        else:
            start, end = max(0, self.replicas - len(active)), 0
        for _ in range(start):
            name = f"worker-{len(self.pods) + 1}"
            self.pods.append(Pod(self._launcher.start(name, free_ports(1)[0], name), self._revision))
        for pod in sorted(old, key=lambda each: each.worker.ready)[:end]:
            self.terminate(pod)

    def _probe(self, pod):
        worker = pod.worker
        if worker.ready:
            return
        age = time.monotonic() - worker.started
        if worker.is_ready():
            worker.ready = True
            pod.ready_after = age
        elif age > START_SECONDS:
            raise WorkerError(f"{pod.name} is not ready after {START_SECONDS} s, see {worker.log}")

    def _watch(self, pod, now):
        worker = pod.worker
        if worker.killed or pod.ended_after is not None:
            return
        if worker.alive:
            if worker.terminated is not None and not pod.forced and now - worker.terminated > self._grace:
                pod.forced = True
                self.failures.append(f"{pod.name} ran {self._grace} s after SIGTERM and got SIGKILL, see {worker.log}")
                worker.process.kill()
            return
        if worker.terminated is None:
            raise WorkerError(f"{pod.name} ended by itself with code {worker.process.returncode}, see {worker.log}:\n"
                              f"{worker.log_tail()}")
        pod.ended_after = now - worker.terminated
        if not pod.forced and worker.process.returncode not in TERMINATED:
            self.failures.append(f"{pod.name} ended after SIGTERM with code {worker.process.returncode}, see {worker.log}:\n"
                                 f"{worker.log_tail()}")
