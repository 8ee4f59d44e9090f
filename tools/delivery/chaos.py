#!/usr/bin/env python3
"""Breaks brokers and workers at random while thousands of requests run, and has the verifier count the results.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/chaos.py --duration 120                     # prints its seed
    python tools/delivery/chaos.py --duration 3600 --brokers 3 --seed 7 --json chaos.json
    python tools/delivery/chaos.py --duration 420 --faults kill --every 40    # takeovers without another fault
    python tools/delivery/chaos.py --duration 120 --faults "unwritable topics"

The seed decides the faults, their order and the records, but not the timing of the processes. At the end the faults
stop, the workers answer what is open, and `verify.py` reads all topics from their beginning. Exit code 1: the verifier
found something, a request has no result, a worker ended by itself, or the run itself failed.
"""
import argparse
import heapq
import json
import logging
import pathlib
import random
import statistics
import sys
import threading
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

import commit_proxy
from broker import BrokerError, Cluster, free_ports
from offset_metadata import OffsetMetadataReader
from program_run import ProgramRun
from schedule import CRASH, FAULTS, GRACEFUL, HANG, LARGE, PLANTED, SUSPECT_REASON, Schedule, reason_to_defer
from traffic import (QUIET, BatchReader, BatchSender, HostileClient, Ledger, RequestSender, ResultReader, StateReader,
                     TableSender, Takeover, backlog)
from verify import run_verifier, summary
from workers import (CRASH_MARKER, HANG_MARKER, IMAGE_HEAP, MODEL, START_SECONDS, STEP_TIME_SETTING, WorkerError, Workers,
                     await_condition, longer_model)
from workload import AdapterRecords, AdapterVersions, Batches, Boundaries, CostlyRequests, Requests

LOG = logging.getLogger("chaos")

SLOTS = 3
GROUP = "tidemark-workers"
REQUEST_TOPICS = ["urgent-requests", "generation-requests"]
COSTLY_TOPIC = "costly-requests"   # a tenant beside the second of REQUEST_TOPICS
RESULT_TOPIC = "generation-results"
REPLY_TOPICS = ["replies-a", "replies-b"]
ADAPTERS = ["all", "dora", "qv", "rslora", "some-layers"]
FOLDER = "patterns"    # an adapter of the settings that records replace and hide
BASE = MODEL.name
LAYERS = 6
POSITIONS = 8192       # of the copy of the model
LONG_TOKENS = 4000
SESSION_SECONDS = 10   # workers have 8 s
FIRST_RESULTS = 50     # before the first fault
SETTLE_SECONDS = 120   # the longest time without a result at the end

STALL_SECONDS = 120    # the longest time without a result of any request

# no faults of a process: they have their own times
LOST, BATCHES, UNWRITABLE, HOSTILE = "lost responses", "validation batches", "unwritable topics", "hostile client"
COSTLY, PUBLISHED = "costly requests", "adapter records"
BESIDE = (LOST, BATCHES, UNWRITABLE, HOSTILE, COSTLY, PUBLISHED)
LONG_SECONDS = 600     # a shorter run has none of LONG_FAULTS by default: each needs more than a minute
LONG_FAULTS = (HANG,)
# not with one broker: its partitions lose their leader while its coordinator still runs, and Kafka 4.4 then reports a
# transaction as committed whose marker it does not write (KAFKA-20734)
THREE_BROKER_FAULTS = (GRACEFUL,)
COMMIT_SECONDS = 4     # mean time between lost responses to commits
BOUNDARY_SECONDS = 2
ADAPTER_SECONDS = 1
BATCH_SECONDS = 2
HOSTILE_SECONDS = 8    # between the transactions of the hostile client
COSTLY_SECONDS = 15    # mean time between two bursts of costly requests
BURST = 24             # large requests at once
STEP_TIME = "10S"      # after which a step hangs
MARKERS = {CRASH: ("crash", CRASH_MARKER * 5), HANG: ("hang", HANG_MARKER * 5)}


def default_faults(seconds, brokers):
    """Kinds of faults of a run that names none."""
    return [kind for kind in (*FAULTS, *BESIDE)
            if (seconds >= LONG_SECONDS or kind not in LONG_FAULTS) and (brokers > 1 or kind not in THREE_BROKER_FAULTS)]


class BrokerFault(threading.Thread):
    """Stops a node and starts it again, on a thread, because a graceful stop takes seconds."""

    def __init__(self, node, kill, down):
        """down: seconds between the end of the process and its start"""
        super().__init__(name="broker-fault")
        self._node, self._kill, self._down = node, kill, down
        self._ended = threading.Event()
        self.failures = []

    def run(self):
        try:
            self._node.kill() if self._kill else self._node.stop()
            if not self._ended.wait(self._down):
                self._node.start()
        except BrokerError as e:
            self.failures.append(str(e))

    def end(self):
        """Returns when nothing starts the node any more. It may be down then."""
        self._ended.set()
        if self.is_alive():
            self.join()


class Chaos:
    """One run. Everything but the traffic happens on the thread that calls `run`."""

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        # a source of random numbers each, so that the timing of one part does not change the others
        self._random = {name: random.Random(f"{options.seed}-{name}")
                        for name in ("faults", "requests", "boundaries", "workers", "commits", "batches", "hostile", "costly", "adapters", "versions")}
        ports = free_ports(4 * options.brokers + SLOTS)
        broker_ports = [tuple(ports[4 * n:4 * n + 3]) for n in range(options.brokers)]
        proxy_ports = ports[3:4 * options.brokers:4]
        self._cluster = Cluster(folder / "brokers", options.brokers, broker_ports,
                                [f"{commit_proxy.HOST}:{port}" for port in proxy_ports])
        self._proxy = commit_proxy.CommitProxy({port: each[1] for port, each in zip(proxy_ports, broker_ports)})
        settings = {"TIDEMARK_MODEL_DIR": str(longer_model(folder, POSITIONS)),
                    "TIDEMARK_ADAPTER_FOLDER": str(MODEL / "adapters"), "TIDEMARK_ENGINE_PROCESSORS": "1",
                    "TIDEMARK_ENGINE_KV_BYTES": "96M", "TIDEMARK_WORKER_SHUTDOWN_GRACE": "3S",
                    "TIDEMARK_TOPICS_GENERATION_REQUESTS": f"{','.join(REQUEST_TOPICS)}|{COSTLY_TOPIC}",
                    "TIDEMARK_REPLIES_TOPICS": ",".join([*REPLY_TOPICS, *self._unwritable()])}
        self._root = folder / "adapters"
        if PUBLISHED in options.faults:
            self._root.mkdir()
            settings["TIDEMARK_SOURCES_FILE_ROOT"] = str(self._root)
        if HANG in options.faults:
            settings[STEP_TIME_SETTING] = STEP_TIME
        if BATCHES in options.faults:
            # each worker is a calibrator too, so that every fault of a worker is one of a calibrator
            settings.update({"TIDEMARK_ROLE": "all", "TIDEMARK_TOPICS_CALIBRATION_PARTITIONS": "2"})
        self._workers = Workers(folder, self._random["workers"], self._cluster.workers, SLOTS, settings,
                                ports[4 * options.brokers:], options.heap)
        self._ledger = Ledger()
        self._requests = self._new_requests("requests")
        self._costly = costly_requests(self._random["costly"])
        self._schedule = Schedule(self._random["faults"], options.faults, options.every)
        self._metadata = None
        self._base_digest = None
        self._batches = None
        self._admin = None
        self._faults = []        # (seconds since the start, kind, what)
        self._actions = []       # (when, number, function): the second half of a fault
        self._takeovers = []
        self._broker_faults = []
        self._planted = []
        self._bursts = []        # (seconds since the start, kind) of costly requests
        self._outcomes = {}      # id of a costly request → permitted error codes and finish reasons
        self._begin = None

    def _unwritable(self):
        """
        Reply topics with a setting that lets the broker refuse all records, transaction markers included: records must not
        be older than the broker's clock, or more replicas must be in sync than there are.
        """
        if UNWRITABLE not in self._options.faults:
            return {}
        return {"replies-old": {"message.timestamp.before.max.ms": "0"},
                "replies-short": {"min.insync.replicas": str(self._options.brokers + 1)}}

    def _new_requests(self, name, count=0):
        return Requests(self._random[name], BASE, ADAPTERS, LAYERS, REQUEST_TOPICS, [*REPLY_TOPICS, *self._unwritable()],
                        LONG_TOKENS, count, [*AdapterRecords.ADAPTERS, FOLDER, *AdapterRecords.ALIASES]
                        if PUBLISHED in self._options.faults else ())

    def run(self):
        """Returns the report."""
        try:
            self._proxy.start()
            self._cluster.start()
            self._admin = AdminClient({"bootstrap.servers": self._cluster.clients, **QUIET})
            topics = [NewTopic(topic, 4, -1) for topic in REPLY_TOPICS]
            topics += [NewTopic(topic, 2, -1, config=config) for topic, config in self._unwritable().items()]
            for future in self._admin.create_topics(topics).values():
                future.result(30)
            self._workers.await_answering()
            reader = ResultReader(self._cluster.clients, [RESULT_TOPIC, *REPLY_TOPICS, *self._unwritable()], self._ledger)
            sender = RequestSender(self._cluster.clients, self._requests, self._ledger, backlog(self._options.backlog))
            published = [*AdapterRecords.ADAPTERS, FOLDER] if PUBLISHED in self._options.faults else []
            boundaries = TableSender("boundaries", self._cluster.clients,
                                     Boundaries(self._random["boundaries"], [*ADAPTERS[:-1], *published], LAYERS),
                                     self._random["boundaries"], BOUNDARY_SECONDS)
            adapters = self._adapter_sender() if published else None
            self._metadata = OffsetMetadataReader(self._cluster.clients, GROUP)
            hostile = HostileClient(self._cluster.clients, self._new_requests("hostile", 10 ** 6), self._random["hostile"],
                                    self._ledger, HOSTILE_SECONDS) if HOSTILE in self._options.faults else None
            batches = BatchSender(self._cluster.clients, Batches(self._random["batches"], ADAPTERS[1:]), self._random["batches"],
                                  BATCH_SECONDS) if BATCHES in self._options.faults else None
            self._batches = BatchReader(self._cluster.clients) if batches else None
            for thread in (reader, sender, boundaries, adapters, self._metadata, hostile, self._batches, batches):
                if thread is not None:
                    thread.start()
            self._begin = time.monotonic()
            self._await_results()
            self._begin = time.monotonic()
            self._break(sender)
            LOG.info("no more faults; %d requests are open", self._ledger.open())
            self._heal()
            for thread in (hostile, batches, boundaries, adapters, sender):
                if thread is not None:
                    thread.end()
            answered = self._settle()
            self._metadata.end()
            self._workers.end()
            reader.end()
            if self._batches is not None:
                self._batches.end()
            report = self._report(sender, boundaries, adapters, batches, hostile, answered)
            report["verifier"] = self._verify()
            return report
        finally:
            self._workers.kill_all()
            for fault in self._broker_faults:
                fault.end()
            self._cluster.kill()
            self._proxy.close()

    def _adapter_sender(self):
        states = StateReader(self._cluster.clients)
        states.start()
        await_condition(states.base, self._workers.running(), "no worker has written its state", START_SECONDS)
        states.end()
        self._base_digest = states.base()
        sources = [MODEL / "adapters" / name for name in ("qv", "some-layers")]   # small, because an hour has thousands of versions
        versions = AdapterVersions(self._random["versions"], self._root, sources)
        records = AdapterRecords(self._random["adapters"], versions, self._base_digest, FOLDER)
        return TableSender("adapters", self._cluster.clients, records, self._random["adapters"], ADAPTER_SECONDS)

    def _await_results(self):
        """Returns when all workers are ready and the first requests have results."""
        while len(self._workers.answering()) < SLOTS or self._ledger.counts()["answered"] < FIRST_RESULTS:
            if time.monotonic() > self._begin + START_SECONDS:
                raise WorkerError(f"{len(self._workers.answering())} of {SLOTS} workers are ready and "
                                  f"{self._ledger.counts()['answered']} requests have a result after {START_SECONDS} s")
            self._workers.check()
            time.sleep(0.2)

    def _break(self, sender):
        """Faults until the duration is over."""
        faults, commits, costly = (self._random[name] for name in ("faults", "commits", "costly"))
        end = self._begin + self._options.duration
        next_fault, next_costly, next_commit, next_sample = self._begin + 3, self._begin + 2, self._begin, self._begin
        while (now := time.monotonic()) < end:
            self._tick(now)
            if LOST in self._options.faults and now >= next_commit:
                self._proxy.lose(commits.choices([commit_proxy.END_TXN, commit_proxy.TXN_OFFSET_COMMIT], [3, 1])[0])
                next_commit = now + commits.expovariate(1 / COMMIT_SECONDS)
            if COSTLY in self._options.faults and now >= next_costly:
                self._send_costly(sender)
                next_costly = now + self._options.costly_every * costly.uniform(0.7, 1.3)
            if now >= next_fault:
                kind = self._next_kind()
                if kind is not None and self._fault(kind, faults, sender):
                    next_fault = now + self._schedule.seconds_after(kind)
                else:
                    if kind is not None:
                        self._schedule.put_back(kind)
                    next_fault = now + 1
            if now >= next_sample:
                self._workers.sample_memory()
                next_sample = now + 10
            time.sleep(0.1)

    def _send_costly(self, sender):
        kind, records = self._costly.burst()
        for record in records:
            self._outcomes[record.id] = record.outcomes
            sender.send_next(record)
        self._bursts.append((round(time.monotonic() - self._begin, 1), kind))
        LOG.info("%6.1f s  costly requests: %d of the kind %s", self._bursts[-1][0], len(records), kind)

    def _next_kind(self):
        """The next fault that may begin now, or None."""
        killing = any(self._ledger.open(kind) for kind, _ in MARKERS.values())
        suspects = [each for each in self._metadata.suspects
                    if not any(self._ledger.is_open(each, kind) for kind, _ in MARKERS.values())]
        before = self._schedule.deferred.get(SUSPECT_REASON, 0)
        kind = self._schedule.take(lambda each: reason_to_defer(each, killing, bool(suspects)))
        if (count := self._schedule.deferred.get(SUSPECT_REASON, 0) - before) > 0:
            LOG.info("%6.1f s  %d fault(s) deferred: %s was running alone when a worker died", time.monotonic() - self._begin,
                     count, ", ".join("{}-{}@{}".format(*each) for each in suspects))
        return kind

    def _tick(self, now):
        for takeover in self._takeovers:
            takeover.see_owners(self._metadata.owners, now)
        self._workers.check()
        while self._actions and self._actions[0][0] <= now:
            heapq.heappop(self._actions)[2]()

    def _later(self, seconds, action):
        heapq.heappush(self._actions, (time.monotonic() + seconds, len(self._faults), action))

    def _fault(self, kind, faults, sender):
        """Begins a fault; False if it is not possible now."""
        if kind in PLANTED:
            record = self._requests.marked(*MARKERS[kind])
            sender.send_next(record)
            self._planted.append(record.id)
            return self._record(kind, record.id)
        if kind == LARGE:
            for _ in range(BURST):
                sender.send_next(self._requests.large())
            return self._record(kind, f"{BURST} of about a megabyte")
        if kind == "scale":
            seconds = faults.uniform(6, 14)
            self._workers.set_scale(1)
            self._later(seconds, lambda: self._workers.set_scale(SLOTS))
            return self._record(kind, f"{SLOTS} to 1 to {SLOTS} workers, after {seconds:.0f} s")
        if kind.startswith("broker"):
            return self._break_broker(kind, faults)
        answering = self._workers.answering()
        if not answering:
            return False
        worker = faults.choice(answering)
        if kind == "kill":
            owned = self._ledger.partitions_of(worker.name) if len(answering) > 1 else []
            if self._options.every and not owned:
                return False   # there would be no takeover
            self._record(kind, f"{worker.name}, which owns {len(owned)} partitions with open requests" if owned else worker.name)
            self._workers.kill(worker)
            if owned:
                takeover = Takeover(worker.name, owned, self._metadata.owners, len(self._faults) - 1)
                self._takeovers.append(takeover)
                self._ledger.watch(takeover)
            return True
        if kind == "terminate":
            self._workers.terminate(worker)
            return self._record(kind, worker.name)
        seconds = SESSION_SECONDS + faults.uniform(2, 6)
        self._workers.suspend(worker)
        self._later(seconds, lambda: self._workers.resume(worker) if worker.alive else None)
        return self._record(kind, f"{worker.name} for {seconds:.0f} s")

    def _break_broker(self, kind, faults):
        """Begins a fault of a random node, unless one is under way or a replica is not in sync."""
        if any(fault.is_alive() for fault in self._broker_faults) or not self._replicas_in_sync():
            return False
        node = faults.choice(self._cluster.nodes)
        down = faults.uniform(0, 4)
        fault = BrokerFault(node, kind == "broker kill", down)
        self._broker_faults.append(fault)
        fault.start()
        return self._record(kind, f"node {node.number}, down for {down:.0f} s")

    def _replicas_in_sync(self):
        try:
            topics = self._admin.list_topics(timeout=5).topics.values()
        except KafkaException:
            return False
        return all(len(partition.isrs) == len(partition.replicas) and partition.leader >= 0
                   for topic in topics for partition in topic.partitions.values())

    def _record(self, kind, what):
        seconds = time.monotonic() - self._begin
        self._faults.append((round(seconds, 1), kind, what))
        LOG.info("%6.1f s  %s: %s (%d open, %d answered)", seconds, kind, what, self._ledger.open(),
                 self._ledger.counts()["answered"])
        return True

    def _heal(self):
        """Ends all faults: brokers run, no process is suspended, and a worker is ready."""
        for fault in self._broker_faults:
            fault.join()
        for node in self._cluster.nodes:
            if not node.running:
                node.start()
        for worker in self._workers.running():
            if worker.suspended:
                self._workers.resume(worker)
        self._actions.clear()
        if not self._workers.scale:
            self._workers.set_scale(1)
        self._workers.await_answering()

    def _settle(self):
        """Whether every request has a result in the end, and every batch is counted or a dead letter."""
        while self._ledger.open() or self._batches is not None and self._batches.open():
            silence = self._ledger.seconds_without_result
            if self._batches is not None:
                silence = min(silence, self._batches.seconds_without_record)
            if silence > SETTLE_SECONDS:
                if not self._ledger.open():
                    return True   # the verifier names the batches
                LOG.error("%d requests have no result: %s …", self._ledger.open(), self._ledger.some_open())
                return False
            self._tick(time.monotonic())
            time.sleep(0.2)
        self._workers.sample_memory()
        return True

    def _report(self, sender, boundaries, adapters, batches, hostile, answered):
        counts = self._ledger.counts()
        failures = (self._workers.failures + [failure for fault in self._broker_faults for failure in fault.failures]
                    + self._metadata.failures)
        crashed = counts["errors"].get("worker_crashed", 0)
        if answered and crashed < len(self._planted):
            failures.append(f"{len(self._planted)} requests kill workers, but {crashed} results are worker_crashed")
        if answered and self._unwritable() and not counts["errors"].get("reply_topic_failed"):
            failures.append("no result is reply_topic_failed, although requests name topics that cannot be written")
        if (silence := self._ledger.longest_silence) > STALL_SECONDS:
            failures.append(f"no request had a result for {silence:.0f} s")
        begin_end = {worker.name: worker.memory for worker in self._workers.all if len(worker.memory) > 1}
        oldest = max(begin_end, key=lambda name: begin_end[name][-1][0], default=None)
        return {
            "seed": self._options.seed, "duration": self._options.duration, "brokers": self._options.brokers,
            "faults": [{"seconds": at, "kind": kind, "what": what} for at, kind, what in self._faults],
            "deferred": self._schedule.deferred,
            "costly_bursts": [{"seconds": at, "kind": kind} for at, kind in self._bursts],
            "lost_responses": [name for _, name in self._proxy.lost],
            "boundary_records": boundaries.counts, "adapter_records": adapters.counts if adapters else {},
            "batches": batches.counts if batches else {}, "transactions": hostile.counts if hostile else {},
            "requests": counts, "all_answered": answered, "unsent": sender.failures + (batches.failures if batches else []),
            "longest_silence": round(silence, 1),
            "rebalances": max(0, self._proxy.generations(GROUP) - 1),
            "planted_crashes": self._workers.planted_crashes, "planted_hangs": self._workers.planted_hangs,
            "crashing_requests": len(self._planted),
            "takeovers": [self._takeover(each) for each in self._takeovers],
            "memory": [{"worker": worker.name, "first": worker.memory[0], "last": worker.memory[-1]}
                       for worker in self._workers.all if worker.memory],
            "oldest_worker": oldest and {"worker": oldest, "samples": begin_end[oldest]},
            "worker_processes": len(self._workers.all),
            "failures": failures,
        }

    def _takeover(self, takeover):
        """Alone: no other fault from ten seconds before the kill until the last partition had a result."""
        at = self._faults[takeover.number][0]
        until = at + (takeover.worst_first_result or 0)
        others = [kind for n, (seconds, kind, _) in enumerate(self._faults)
                  if n != takeover.number and at - 10 <= seconds <= until]
        return {"seconds": at, "worker": takeover.worker, "alone": not others, "complete": takeover.complete,
                "owned": {f"{topic}-{partition}": value for (topic, partition), value in takeover.owned.items()},
                "first_results": {f"{topic}-{partition}": value for (topic, partition), value in takeover.first_results.items()},
                "worst_owned": takeover.worst_owned, "worst_first_result": takeover.worst_first_result}

    def _verify(self):
        planted = self._folder / "planted"
        planted.write_text("\n".join(self._planted))
        outcomes = self._folder / "outcomes"
        outcomes.write_text("\n".join(f"{ident}\t{','.join(each)}" for ident, each in self._outcomes.items()))
        options = ["--requests", ",".join([*REQUEST_TOPICS, COSTLY_TOPIC]), "--outcomes", str(outcomes),
                   "--reply-topics", ",".join(REPLY_TOPICS), "--events", "generation-events",
                   "--cancellations", "generation-cancellations", "--planted-crashes", str(planted)]
        if self._unwritable():
            options += ["--unwritable-topics", ",".join(self._unwritable())]
        if self._batches is not None:
            options += ["--validation-batches", "validation-batches"]
        if self._base_digest is not None:
            options += ["--adapters", "adapters", "--folders", ",".join([*ADAPTERS, FOLDER]), "--base-digest", self._base_digest]
        return run_verifier(self._cluster.clients, *options)


def costly_requests(random):
    """For the copy of the model, whose tokenizer has an alphabet of bytes: a character of a token is a byte."""
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    return CostlyRequests(random, BASE, ADAPTERS, COSTLY_TOPIC, POSITIONS * max(map(len, vocabulary)), vocabulary["\u00c3"],
                          vocabulary["a"])


def print_report(report):
    kinds = [fault["kind"] for fault in report["faults"]]
    requests = report["requests"]
    print(f"\nchaos run of {report['duration']} s with seed {report['seed']}, {report['brokers']} broker(s)")
    print("faults: " + ", ".join(f"{kind} {kinds.count(kind)}" for kind in FAULTS))
    if report["deferred"]:
        print("faults deferred: " + ", ".join(f"{count} because {why}" for why, count in report["deferred"].items()))
    print(f"responses to commits lost: {len(report['lost_responses'])}; boundary records: {report['boundary_records']}")
    print(f"adapter records: {report['adapter_records']}")
    print("bursts of costly requests: " + (", ".join(burst["kind"] for burst in report["costly_bursts"]) or "none"))
    print(f"validation batches: {report['batches']}; transactions of the hostile client: {report['transactions']}")
    print(f"worker processes: {report['worker_processes']}, of which {report['planted_crashes']} crashed and "
          f"{report['planted_hangs']} hung at one of {report['crashing_requests']} requests; rebalances: {report['rebalances']}")
    print(f"longest time without a result: {report['longest_silence']} s")
    print(f"requests: {requests['sent']}; answered {requests['answered']}, open {requests['open']}, "
          f"repeated results {requests['repeated']}; errors {requests['errors']}")
    for alone in (True, False):
        kills = [each for each in report["takeovers"] if each["alone"] == alone]
        complete = [each for each in kills if each["complete"]]
        if kills:
            print(f"kill -9 {'without' if alone else 'with'} other faults near it: {len(kills)}"
                  + (f", of which {len(kills) - len(complete)} not complete" if len(kills) > len(complete) else ""))
        for name, what in (("worst_owned", "until another worker process owns the last partition"),
                           ("worst_first_result", "until the last partition has a result")) if complete else ():
            seconds = sorted(each[name] for each in complete)
            print(f"  {what}: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s"
                  + (f"; all: {', '.join(f'{each:.1f}' for each in seconds)} s" if alone else ""))
    if report["oldest_worker"]:
        samples = report["oldest_worker"]["samples"]
        print("memory of the oldest worker process: " + ", ".join(
            f"{size / 2 ** 20:.0f} MiB at {age:.0f} s" for age, size in (samples[0], samples[len(samples) // 2], samples[-1])))
    print("\nverifier: " + summary(report["verifier"]))
    # at the end, because logs are often cut at their beginning
    for failure in report["failures"] + report["unsent"]:
        print(f"FAILURE: {failure}")
    if not report["all_answered"]:
        print(f"FAILURE: {requests['open']} requests have no result")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6), help="by default a random one, which is printed")
    parser.add_argument("--duration", type=int, default=120, help="seconds with faults (default 120)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="3: three replicas, of which two must be in sync")
    parser.add_argument("--faults", type=lambda names: names.split(","), metavar="KIND,KIND",
                        help=f"only these of: {', '.join([*FAULTS, *BESIDE])}. By default all; a run of less than "
                             f"{LONG_SECONDS} s has no {', '.join(LONG_FAULTS)}, and {', '.join(THREE_BROKER_FAULTS)} needs "
                             "--brokers 3")
    parser.add_argument("--heap", default=IMAGE_HEAP, help="maximum heap of a worker (default %(default)s, as in the image)")
    parser.add_argument("--every", type=float, metavar="SECONDS",
                        help="time between two faults, none of which overlap; each kill then needs another worker that "
                             "takes over. By default random times that depend on the fault")
    parser.add_argument("--costly-every", type=float, default=COSTLY_SECONDS, metavar="SECONDS",
                        help="mean time between two bursts of costly requests (default %(default)s)")
    parser.add_argument("--backlog", type=int, default=200, help="open requests that the sender aims at (default 200)")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    if options.faults is None:
        options.faults = default_faults(options.duration, options.brokers)
    if unknown := set(options.faults) - {*FAULTS, *BESIDE}:
        parser.error(f"no faults {sorted(unknown)}")
    if options.brokers == 1 and (unsafe := set(options.faults).intersection(THREE_BROKER_FAULTS)):
        parser.error(f"{', '.join(unsafe)} needs --brokers 3: Kafka can lose the end of a transaction (KAFKA-20734)")
    program = ProgramRun("chaos", options)
    print(f"chaos run: seed {options.seed}, {options.duration} s; logs in {program.folder}", flush=True)
    report = program.carry_out(Chaos)
    print_report(report)
    failed = report["failures"] or report["unsent"] or not report["all_answered"] or not report["verifier"]["ok"]
    return program.end(failed, f"FAILED with seed {options.seed}", report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
