#!/usr/bin/env python3
"""Replaces, evicts and scales workers under load as Kubernetes does, and states how long requests wait meanwhile.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/rollout.py --quick                          # three minutes, two workers
    python tools/delivery/rollout.py --brokers 3 --json rollout.json  # five minutes, three workers
    python tools/delivery/rollout.py --phases drain,lost

Worker processes take the place of pods, with the settings and the termination grace period of k8s/base. At the end,
`verify.py` reads all topics from their beginning. Exit code 1: a request has no result or several, a result is wrong or
an error, a worker needed SIGKILL after SIGTERM or ended by itself, or the run itself failed.
"""
import argparse
import collections
import dataclasses
import json
import logging
import math
import pathlib
import random
import re
import sys
import time

from broker import Cluster
from offset_metadata import OffsetMetadataReader
from pauses import Journal, Ownership, by_partition, longest_without_result, restarts
from pods import Deployment, base_settings, grace_seconds
from program_run import ProgramRun
from traffic import Arrivals, RequestSender, ResultReader, TableSender, Takeover
from verify import ALL, Topics, run_verifier, summary
from workers import ROOT, Launcher, WorkerError, longer_model
from workload import Boundaries, StreamingRequests

LOG = logging.getLogger("rollout")

MODEL = ROOT / "demo" / "model"
ADAPTER_FOLDER = ROOT / "demo" / "adapters"
ADAPTERS = sorted(folder.name for folder in ADAPTER_FOLDER.iterdir() if folder.is_dir())
LAYERS = 8
POSITIONS = 8192        # of the copy of the model
TOPIC, RESULTS, EVENTS = "generation-requests", "generation-results", "generation-events"
BOUNDARY_SECONDS = 2
WARM_UP_SECONDS = 10
SETTLE_SECONDS = 240    # the longest time from the last action of a phase to its end

STEADY, ROLLING, DRAIN, LOST, IN, OUT, ZERO = "steady", "rolling", "drain", "lost", "in", "out", "zero"
PHASES = {STEADY: "no change", ROLLING: "rolling update", DRAIN: "node drain", LOST: "node lost", IN: "scale-in",
          OUT: "scale-out", ZERO: "to zero and back"}


@dataclasses.dataclass
class Phase:
    kind: str
    begin: float
    end: float = math.inf
    what: str = ""
    takeovers: list = dataclasses.field(default_factory=list)   # (pod or None, signal, Takeover)
    ownership: Ownership = dataclasses.field(default_factory=Ownership)


class Rollout:
    """One run. Everything but the traffic happens on the thread that calls `run`."""

    def __init__(self, options, folder):
        self._options = options
        chance = {name: random.Random(f"{options.seed}-{name}") for name in ("requests", "arrivals", "boundaries")}
        self._cluster = Cluster(folder / "brokers", options.brokers)
        model = longer_model(folder, POSITIONS, MODEL)
        settings = {**base_settings(), "KAFKA_BOOTSTRAP_SERVERS": self._cluster.workers, "TIDEMARK_MODEL_DIR": str(model),
                    "TIDEMARK_ADAPTER_FOLDER": str(ADAPTER_FOLDER), "TIDEMARK_ENGINE_PROCESSORS": "1",
                    "TIDEMARK_ROLE": "worker"}
        self._group = settings["TIDEMARK_WORKER_GROUP"]
        self._settings = settings
        self._deployment = Deployment(Launcher(folder, self._cluster.workers, settings), self._before_signal)
        self._journal = Journal()
        self._requests = StreamingRequests(chance["requests"], model.name, ADAPTERS, LAYERS, TOPIC, options.long_tokens)
        self._pace = Arrivals(chance["arrivals"], options.rate)
        self._boundaries = Boundaries(chance["boundaries"], ADAPTERS[:-1], LAYERS)
        self._boundary_random = chance["boundaries"]
        self._metadata = None
        self._phases = []
        self._watched = []    # takeovers of the current phase
        self._failures = []
        self._begin = None

    def run(self):
        """Returns the report."""
        try:
            self._cluster.start()
            self._deployment.scale(self._options.workers)
            self._until(lambda: self._deployment.settled, "the first workers are not ready")
            brokers = self._cluster.clients
            reader = ResultReader(brokers, [RESULTS], self._journal)
            sender = RequestSender(brokers, self._requests, self._journal, self._pace)
            boundaries = TableSender("boundaries", brokers, self._boundaries, self._boundary_random, BOUNDARY_SECONDS)
            self._metadata = OffsetMetadataReader(brokers, self._group)
            for thread in (reader, sender, boundaries, self._metadata):
                thread.start()
            self._begin = time.monotonic()
            self._hold(WARM_UP_SECONDS)
            warm = time.monotonic()
            self._until(lambda: not self._journal.open_before(warm), "requests have no result")
            for kind in self._options.phases:
                self._phase(kind)
            boundaries.end()
            sender.end()
            self._until(lambda: not self._journal.open(), "requests have no result")
            self._metadata.end()
            self._deployment.scale(0)
            self._until(lambda: self._deployment.settled, "workers did not end")
            reader.end()
            return self._report(sender, boundaries)
        finally:
            self._deployment.kill_all()
            self._cluster.kill()

    # phases

    def _phase(self, kind):
        phase = Phase(kind, time.monotonic())
        self._phases.append(phase)
        actions = {STEADY: self._steady, ROLLING: self._rolling, DRAIN: self._drain, LOST: self._lose, IN: self._scale_in,
                   OUT: self._scale_out, ZERO: self._zero}
        actions[kind](phase)
        self._settle(f"{PHASES[kind]}: requests have no result")
        phase.end = time.monotonic()
        self._watched = []
        self._say(f"{PHASES[kind]} ended after {phase.end - phase.begin:.0f} s")

    def _steady(self, phase):
        phase.what = f"{self._options.workers} workers"
        self._hold(self._options.steady_seconds)

    def _rolling(self, phase):
        phase.what = f"{self._options.workers} workers, each is replaced when a new one is ready"
        self._deployment.roll_out()

    def _drain(self, phase):
        pod = self._busiest()
        phase.what = "SIGTERM to a worker; its replacement starts when it has ended"
        self._deployment.paused = True
        self._deployment.terminate(pod)
        self._until(lambda: not pod.worker.alive, f"{pod.name} did not end")
        self._deployment.paused = False

    def _lose(self, phase):
        pod = self._busiest()
        phase.what = f"SIGKILL to a worker; its replacement starts {self._options.eviction_seconds:.0f} s later"
        self._deployment.paused = True
        self._deployment.kill(pod)
        self._hold(self._options.eviction_seconds)
        self._deployment.paused = False

    def _scale_in(self, phase):
        phase.what = f"{self._deployment.replicas} to 1 workers"
        self._deployment.scale(1)

    def _scale_out(self, phase):
        phase.what = f"{self._deployment.replicas} to {self._options.workers} workers"
        self._deployment.scale(self._options.workers)

    def _zero(self, phase):
        phase.what = f"{self._deployment.replicas} to 0 to 1 to {self._options.workers} workers; {self._options.zero_seconds:.0f} s without one"
        self._deployment.scale(0)
        self._until(lambda: self._deployment.settled, "workers did not end")
        self._hold(self._options.zero_seconds)
        self._deployment.scale(1)
        self._deployment.check()
        self._watch(None, "start", list(self._metadata.owners))
        self._until(lambda: self._deployment.settled, "the first worker is not ready")
        self._deployment.scale(self._options.workers)

    def _settle(self, what):
        """
        Returns when the pods are as they should be, share the partitions, and all requests that were sent until then have a
        result.
        """
        self._until(lambda: self._deployment.settled and self._shared() and all(each.complete for each in self._watched),
                    "the workers do not share the partitions")
        now = time.monotonic()
        self._until(lambda: not self._journal.open_before(now), what)

    def _shared(self):
        """Whether each partition has an owner that runs, and no pod has two more than another."""
        owned = [len(self._owned_by(pod)) for pod in self._deployment.ready()]
        return sum(owned) == len(self._metadata.owners) and max(owned) - min(owned) < 2

    def _hold(self, seconds):
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= end, "")

    def _until(self, condition, what):
        end = time.monotonic() + SETTLE_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise WorkerError(f"{what} after {SETTLE_SECONDS} s; open: {self._journal.some_open()}")
            self._deployment.check()
            if self._phases:
                self._see_owners()
            time.sleep(0.05)

    def _see_owners(self):
        now, owners = time.monotonic(), self._metadata.owners
        for takeover in self._watched:
            takeover.see_owners(owners, now)
        running = [partition for pod in self._deployment.pods if pod.worker.alive for partition in self._owned_by(pod)]
        self._phases[-1].ownership.see(owners, running, now)

    def _busiest(self):
        """The pod whose partitions have the most open long requests, then the most open requests."""
        entries = [entry for entry in self._journal.entries() if entry.answered is None]
        return max(self._deployment.ready(), key=lambda pod: (
            sum(entry.kind == "long" for entry in entries if entry.source[:2] in self._owned_by(pod)),
            sum(entry.source[:2] in self._owned_by(pod) for entry in entries), pod.name))

    def _owned_by(self, pod):
        return [partition for partition, owner in self._metadata.owners.items() if owner and f"%2F{pod.name}-" in owner]

    def _before_signal(self, pod, signal_name):
        if self._begin is None or self._deployment.replicas == 0:
            return   # nobody takes over
        self._watch(pod, signal_name, self._owned_by(pod))
        self._say(f"{signal_name} to {pod.name}, which owns {len(self._owned_by(pod))} partitions")

    def _watch(self, pod, signal_name, partitions):
        # names are not used again, so that no late result is one of a restarted worker
        takeover = Takeover(pod.name if pod else "", partitions, self._metadata.owners if pod else {}, len(self._phases),
                             math.inf)
        self._journal.watch(takeover)
        self._watched.append(takeover)
        self._phases[-1].takeovers.append((pod, signal_name, takeover))

    def _say(self, text):
        LOG.info("%6.1f s  %s (%d open)", time.monotonic() - self._begin, text, self._journal.open())

    # report

    def _report(self, sender, boundaries):
        entries = self._journal.entries()
        verifier = run_verifier(self._cluster.clients, "--requests", TOPIC, "--events", EVENTS, "--offenders", "1000000")
        wall = time.time() - time.monotonic()
        found = findings_by_phase(verifier, entries, self._phases)
        events = [(at - wall, request, attempt) for at, request, attempt in self._events()]
        pods = self._deployment.pods
        return {
            "seed": self._options.seed, "quick": self._options.quick, "brokers": self._options.brokers,
            "workers": self._options.workers, "rate": self._options.rate, "long_tokens": self._options.long_tokens,
            "shutdown_grace": self._settings["TIDEMARK_WORKER_SHUTDOWN_GRACE"], "grace_seconds": grace_seconds(),
            "requests": self._journal.counts(), "boundary_records": boundaries.counts,
            "phases": [self._row(phase, entries, found[n], events) for n, phase in enumerate(self._phases)],
            "start_seconds": [round(pod.ready_after, 1) for pod in pods if pod.ready_after is not None],
            "failures": self._deployment.failures + self._metadata.failures + sender.failures,
            "verifier": verifier,
        }

    def _row(self, phase, entries, found, events):
        sent = [entry for entry in entries if phase.begin <= entry.sent < phase.end]
        ended = [entry for entry in entries if entry.answered is not None and phase.begin <= entry.answered < phase.end]
        short = [entry for entry in entries if entry.kind != "long"]

        def longest(kind):
            return max((entry.wait for entry in ended if entry.kind == kind), default=None)
        return {
            "phase": PHASES[phase.kind], "what": phase.what, "seconds": phase.end - phase.begin,
            "requests": len(sent), "long": sum(entry.kind == "long" for entry in sent), "results": len(ended),
            "lost": found["missing"], "repeated": found["repeated"],
            "wrong": sum(count for kind, count in found.items() if kind not in ("missing", "repeated")),
            "errors": dict(collections.Counter(entry.error for entry in ended if entry.error is not None)),
            "without_result": longest_without_result(short, phase.begin, phase.end),
            "partition_without_result": max((longest_without_result(group, phase.begin, phase.end)
                                             for group in by_partition(short).values()), default=0.0),
            "partition_without_owner": phase.ownership.longest,
            "longest_wait": longest("request"), "longest_wait_long": longest("long"),
            **dataclasses.asdict(restarts(events, phase.begin, phase.end)),
            "takeovers": [takeover_row(*each) for each in phase.takeovers],
        }

    def _events(self):
        """(seconds since 1970, id, attempt) of all events."""
        topics = Topics({"bootstrap.servers": self._cluster.clients}, [EVENTS])
        try:
            ends = topics.ends(ALL)
            while topics.unread(ends):
                for message in topics.read(0.5):
                    value = json.loads(message.value())
                    yield message.timestamp()[1] / 1000, value["id"], value["attempt"]
        finally:
            topics.close()


def takeover_row(pod, signal_name, takeover):
    return {"worker": takeover.worker, "signal": signal_name, "partitions": len(takeover.owned),
            "ended_after": pod and pod.ended_after, "forced": bool(pod and pod.forced),
            "owned_after": takeover.worst_owned, "first_result_after": takeover.worst_first_result}


def findings_by_phase(report, entries, phases):
    """Number of the verifier's findings of each kind in each phase, and after the phases of those that fit in none."""
    sent = {entry.source: entry.sent for entry in entries}
    counts = [collections.Counter() for _ in range(len(phases) + 1)]
    for kind, finding in report["findings"].items():
        for text in finding["first"]:
            named = re.search(rf"{TOPIC}-(\d+)-(\d+)", text)
            at = named and sent.get((TOPIC, int(named[1]), int(named[2])))
            counts[next((n for n, phase in enumerate(phases) if at and phase.begin <= at < phase.end), -1)][kind] += 1
    return counts


def print_report(report):
    print(f"\n{report['workers']} workers, {report['brokers']} broker(s), {report['rate']:g} requests a second, seed {report['seed']}; "
          f"shutdown grace {report['shutdown_grace']}, SIGKILL {report['grace_seconds']} s after SIGTERM")
    print(f"workers were ready after {min(report['start_seconds']):.1f} to {max(report['start_seconds']):.1f} s\n")
    heads = ("phase", "seconds", "requests", "results", "lost", "repeated", "wrong", "errors", "none", "partition", "unowned",
             "wait", "long wait", "restarts", "tokens")
    rows = [(row["phase"], f"{row['seconds']:.0f}", row["requests"], row["results"], row["lost"], row["repeated"], row["wrong"],
             sum(row["errors"].values()), f"{row['without_result']:.1f}", f"{row['partition_without_result']:.1f}",
             f"{row['partition_without_owner']:.1f}",
             seconds(row["longest_wait"]), seconds(row["longest_wait_long"]), row["started_again"], row["discarded"])
            for row in report["phases"]]
    print_table([heads, *rows])
    print("none, partition: the longest time without a result, of all partitions and of one, while a short request was open\n"
          "unowned: the longest time in which a partition had no owner that runs\n"
          "wait, long wait: the longest wait of a short and of a long request\n"
          "restarts, tokens: requests started again after they had text, and events that were discarded with it\n")
    heads = ("phase", "worker", "signal", "partitions", "end", "owned", "result")
    rows = [(row["phase"], each["worker"] or "-", each["signal"] + (", SIGKILL" if each["forced"] else ""), each["partitions"],
             seconds(each["ended_after"]), seconds(each["owned_after"]), seconds(each["first_result_after"]))
            for row in report["phases"] for each in row["takeovers"]]
    print_table([heads, *rows])
    print("seconds from the signal until the process ended, another owned its last partition, and that had a result of another\n")
    for failure in report["failures"]:
        print(f"FAILURE: {failure}")
    print("verifier: " + summary(report["verifier"]))


def seconds(value):
    return "-" if value is None else f"{value:.1f}"


def print_table(rows):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" if n == 0 else f"{cell:>{width}}" for n, (cell, width) in enumerate(zip(row, widths))))


def failed(report):
    return bool(report["failures"] or report["requests"]["open"] or report["requests"]["errors"] or not report["verifier"]["ok"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="two workers, and shorter phases")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="3: three replicas, of which two must be in sync")
    parser.add_argument("--workers", type=int, help="default 3, with --quick 2")
    parser.add_argument("--rate", type=float, default=3, help="requests a second (default %(default)s)")
    parser.add_argument("--long-tokens", type=int, default=1200, help="the most tokens of a long request (default %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6), help="of the records; by default a random one")
    parser.add_argument("--phases", type=lambda names: names.split(","), default=list(PHASES), metavar="PHASE,PHASE",
                        help=f"these of: {', '.join(PHASES)}; they may repeat")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    if unknown := set(options.phases) - set(PHASES):
        parser.error(f"no phases {sorted(unknown)}")
    options.workers = options.workers or (2 if options.quick else 3)
    options.steady_seconds, options.zero_seconds, options.eviction_seconds = (8, 5, 12) if options.quick else (30, 15, 20)
    program = ProgramRun("rollout", options)
    print(f"rollout: seed {options.seed}; logs in {program.folder}", flush=True)
    report = program.carry_out(Rollout)
    print_report(report)
    return program.end(failed(report), report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
