#!/usr/bin/env python3
"""Breaks calibrator processes at random while batches arrive on several partitions, and verifies what they have decided.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/calibrator_chaos.py --duration 600 --seed 7

Three calibrators share three partitions. The batches of each adapter are on all partitions; some are sent twice. Batches
that gain and batches that lose alternate, so boundaries move and are withdrawn. Processes are killed, ended, suspended
beyond their session timeout, and started; responses to commits are lost. Exit code 1: the verifier found something, a
process ended by itself, a batch became a dead letter without three deaths, or fewer than half of the batches were counted
during the faults. The seed decides the faults and the batches, but not the timing of the processes.
"""
import argparse
import collections
import json
import logging
import pathlib
import random
import sys
import threading
import time

import commit_proxy
from broker import Cluster, free_ports
from calibration import MOVE
from calibrators import (BATCHES, DECISIONS, GROUP, LETTERS, SOON, BatchSender, Outcomes, create_topics, has_lag, jar_of, read_all,
                         settings)
from offset_metadata import committed
from program_run import ProgramRun
from workers import ROOT, START_SECONDS, Workers

LOG = logging.getLogger("calibrators")
ADAPTERS = ["red", "green", "blue"]
PARTITIONS = 3
FAULTS = {"kill": 5, "terminate": 2, "suspend": 2, "scale": 1}
SESSION_SECONDS = 6
COMMIT_SECONDS = 4        # mean time between lost responses
TURN_SECONDS = 30         # mean time between two kinds of batches of an adapter
SETTLE_SECONDS = 300
SHORT_SECONDS = 300       # a shorter run may count most batches after the faults
MIN_COUNTED = 0.5         # share of the batches that a longer one must count during the faults
FAILED = "batch_failed"
LETTER_CODES = {"duplicate_batch", FAILED}
MAX_DEATHS = 3            # of processes that work on a batch, until it becomes a dead letter
READ_SECONDS = 0.25       # between two readings of the attempts


class Attempts(threading.Thread):
    """Reads the attempts of batches, which the calibrators commit as the metadata of their offsets."""

    def __init__(self, address):
        super().__init__(name="attempts", daemon=True)
        self._address = address
        self._ended = threading.Event()
        self.seen = {}       # (partition, offset) of a batch -> [(failures so far, random name of the process, time)]
        self.failures = []

    def run(self):
        while not self._ended.wait(READ_SECONDS):
            try:
                commits = committed(self._address, GROUP, 2)
            except OSError:
                continue     # the next reading is due soon
            try:
                self.take(commits, time.time())
            except (ValueError, KeyError) as e:
                self.failures.append(f"the metadata of the calibrators could not be read: {e}")
                return

    def take(self, commits, now):
        for (topic, partition), (offset, metadata) in commits.items():
            if topic != BATCHES or not metadata:
                continue
            value = json.loads(metadata)
            if value.get("running_in") is None:
                continue
            attempts = self.seen.setdefault((partition, offset), [])
            if not any(each[:2] == (value["failures"], value["running_in"]) for each in attempts):
                attempts.append((value["failures"], value["running_in"], now))

    def end(self):
        self._ended.set()
        self.join()

    def figures(self):
        """Number of failures of a batch -> batches with as many at most."""
        most = collections.Counter(max(failures for failures, _, _ in attempts) for attempts in self.seen.values())
        return dict(sorted(most.items()))


def judge_failed(letters, seen, deaths):
    """
    What is wrong with dead letters `batch_failed`, as texts, and how many have an attempt that was not read. Each of the
    three attempts must have a death between its beginning and the next attempt or the dead letter.

    letters: (partition, offset) of the batch -> time of its dead letter; seen: as `Attempts.seen`; deaths: times at which
    a process got SIGKILL, or was suspended beyond its session timeout. All in seconds since 1970.
    """
    wrong, unread = [], 0
    for batch, letter_at in sorted(letters.items()):
        of = collections.defaultdict(list)
        for failures, _, at in seen.get(batch, []):
            of[failures].append(at)
        if any(not of[number] for number in range(MAX_DEATHS)):
            unread += 1
            continue
        # a process that has given the batch back is followed by another one with the same number of failures
        begins = [max(of[number]) - 2 * READ_SECONDS for number in range(MAX_DEATHS)]
        ends = [*(min(of[number]) for number in range(1, MAX_DEATHS)), letter_at]
        for number, (begin, end) in enumerate(zip(begins, ends), 1):
            if not any(begin <= at <= end for at in deaths):
                wrong.append(f"the batch at {batch[0]}@{batch[1]} failed, and no process died in its attempt {number}")
    if MAX_DEATHS * len(letters) > len(deaths):
        wrong.append(f"{len(letters)} batches failed, with {len(deaths)} deaths of processes")
    return wrong, unread


class Chaos:

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._random = {name: random.Random(f"{options.seed}-{name}") for name in ("faults", "batches", "workers", "turns")}
        count = options.calibrators
        ports = free_ports(4 + count)
        self._cluster = Cluster(folder / "brokers", 1, [tuple(ports[:3])], [f"{commit_proxy.HOST}:{ports[3]}"], settings=SOON)
        self._proxy = commit_proxy.CommitProxy({ports[3]: ports[1]})
        environment = settings(ADAPTERS, PARTITIONS, KAFKA_SESSION_TIMEOUT_MS=str(SESSION_SECONDS * 1000), KAFKA_HEARTBEAT_INTERVAL_MS="1000")
        self._workers = Workers(folder, self._random["workers"], self._cluster.workers, count, environment, ports[4:], "256m",
                                jar_of(options.app.resolve()))
        self._attempts = Attempts(tuple(self._cluster.clients.rsplit(":", 1)))
        self._faults = collections.Counter()
        self._deaths = []        # when a process was killed or suspended; seconds since 1970
        self._during = 0, 0      # batches sent and counted when the faults ended
        self._actions = []       # (when, function)

    def run(self):
        """Returns the report."""
        try:
            self._proxy.start()
            self._cluster.start()
            create_topics(self._cluster.clients, PARTITIONS)
            outcomes = Outcomes(self._cluster.clients)
            outcomes.start()
            self._workers.await_answering()
            batches = BatchSender(self._cluster.clients, ADAPTERS, PARTITIONS, self._random["batches"], self._options.rate)
            batches.start()
            self._attempts.start()
            self._break(batches, outcomes)
            self._during = batches.unique, outcomes.count()[0]
            self._heal()
            batches.end()
            settled = self._settle()
            self._workers.end()
            self._attempts.end()
            outcomes.end()
            records, found, counts = read_all(self._cluster.clients, 60)
        finally:
            self._workers.kill_all()
            self._cluster.kill()
            self._proxy.close()
        letters = collections.Counter(each.headers.get("tidemark.error.code") for each in records if each.topic == LETTERS)
        found += [f"dead letters {code}: {count}" for code, count in letters.items() if code not in LETTER_CODES]
        failed = {(int(each.headers["tidemark.source.partition"]), int(each.headers["tidemark.source.offset"])): each.at
                  for each in records if each.topic == LETTERS and each.headers.get("tidemark.error.code") == FAILED}
        wrong, unread = judge_failed(failed, self._attempts.seen, self._deaths)
        found += wrong + self._attempts.failures
        sent, counted = self._during
        if self._options.duration >= SHORT_SECONDS and counted < MIN_COUNTED * sent:
            found.append(f"only {counted} of {sent} batches were counted during the faults")
        if not settled:
            found.append(f"batches are open after {SETTLE_SECONDS} s")
        reasons = collections.Counter(each.value["reason"] for each in records if each.topic == DECISIONS)
        if not reasons[MOVE] or not reasons["alarm"]:
            found.append(f"no boundary has moved, or none was withdrawn: {dict(reasons)}")
        return {"seed": self._options.seed, "duration": self._options.duration, "calibrators": self._options.calibrators,
                "faults": dict(self._faults), "processes": len(self._workers.all), "lost_responses": len(self._proxy.lost),
                "rebalances": max(0, self._proxy.generations(GROUP) - 1), "counts": counts, "dead_letters": dict(letters),
                "deaths": len(self._deaths), "failed": len(failed), "failed_unread": unread,
                "attempts": self._attempts.figures(), "sent_during": sent, "counted_during": counted,
                "reasons": dict(reasons), "partitions": self._partitions(records),
                "found": found + self._workers.failures + batches.failures}

    @staticmethod
    def _partitions(records):
        """On how many partitions the batches of each adapter are counted."""
        of = collections.defaultdict(set)
        for each in records:
            if each.topic == "calibration-state" and each.value is not None and each.value["counted_batches"]:
                of[each.value["adapter"]].add(each.value["input_partition"])
        return {adapter: len(partitions) for adapter, partitions in sorted(of.items())}

    def _break(self, batches, outcomes):
        faults, turns = self._random["faults"], self._random["turns"]
        begin = time.monotonic()
        next_fault, next_commit, next_turn, next_line = begin + 5, begin, begin + TURN_SECONDS, begin
        while (now := time.monotonic()) < begin + self._options.duration:
            self._tick(now)
            if now >= next_commit:
                self._proxy.lose(faults.choices([commit_proxy.END_TXN, commit_proxy.TXN_OFFSET_COMMIT], [3, 1])[0])
                next_commit = now + turns.expovariate(1 / COMMIT_SECONDS)
            if now >= next_turn:
                adapter = turns.choice(ADAPTERS)
                batches.gaining[adapter] = not batches.gaining[adapter]
                next_turn = now + turns.expovariate(len(ADAPTERS) / TURN_SECONDS)
            if now >= next_fault:
                self._fault(faults, now)
                next_fault = now + faults.uniform(2, 2 * self._options.every - 2)
            if now >= next_line:
                counted, letters = outcomes.count()
                LOG.info("%6.1f s  %d batches sent, %d counted, %d dead letters; %s", now - begin, batches.unique, counted, letters,
                         dict(self._faults))
                next_line = now + 30
            time.sleep(0.1)

    def _fault(self, faults, now):
        kind = faults.choices(list(FAULTS), list(FAULTS.values()))[0]
        answering = self._workers.answering()
        if not answering:
            return
        worker = faults.choice(answering)
        self._faults[kind] += 1
        if kind == "kill":
            self._workers.kill(worker)
            self._deaths.append(time.time())
        elif kind == "terminate":
            self._workers.terminate(worker)
        elif kind == "suspend":
            self._workers.suspend(worker)
            self._deaths.append(time.time())
            self._actions.append((now + SESSION_SECONDS + faults.uniform(1, 5),
                                  lambda: self._workers.resume(worker) if worker.alive else None))
        else:
            self._workers.set_scale(1)
            self._actions.append((now + faults.uniform(6, 14), lambda: self._workers.set_scale(self._options.calibrators)))

    def _tick(self, now):
        self._workers.check()
        due = [each for each in self._actions if each[0] <= now]
        self._actions = [each for each in self._actions if each[0] > now]
        for _, action in due:
            action()

    def _heal(self):
        for _, action in self._actions:
            action()
        self._actions = []
        self._workers.await_answering(START_SECONDS)

    def _settle(self):
        """Whether all batches are done in the end."""
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end:
            self._workers.check()
            if not has_lag(self._cluster.clients, PARTITIONS):
                return True
            time.sleep(0.5)
        return False


def print_report(report):
    print(f"\n{report['calibrators']} calibrators for {report['duration']} s, seed {report['seed']}")
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in report["faults"].items())
          + f"; responses to commits lost: {report['lost_responses']}")
    print(f"processes: {report['processes']}; rebalances: {report['rebalances']}")
    print(f"records: {report['counts']}; dead letters {report['dead_letters']}")
    print(f"batches counted during the faults: {report['counted_during']} of {report['sent_during']}")
    print(f"processes killed or suspended: {report['deaths']}; batches by the failures that were read: {report['attempts']}; dead "
          f"letters '{FAILED}': {report['failed']}, of which {report['failed_unread']} without all three attempts")
    print(f"partitions with counted batches: {report['partitions']}")
    print(f"reasons of decisions: {report['reasons']}")
    for each in report["found"][:40]:
        print(f"WRONG: {each}")
    print("verifier: nothing is wrong" if not report["found"] else f"{len(report['found'])} faults")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6), help="by default a random one, which is printed")
    parser.add_argument("--duration", type=int, default=600, help="seconds with faults (default %(default)s)")
    parser.add_argument("--calibrators", type=int, default=3, help="default %(default)s")
    parser.add_argument("--every", type=float, default=8, help="mean seconds between two faults, above 2 (default %(default)s)")
    parser.add_argument("--rate", type=float, default=2, help="batches a second (default %(default)s)")
    parser.add_argument("--app", type=pathlib.Path, default=ROOT, metavar="FOLDER",
                        help="an unpacked archive or a checkout (default: this checkout)")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    program = ProgramRun("calibrators", options)
    print(f"chaos of calibrators: seed {options.seed}, {options.duration} s; logs in {program.folder}", flush=True)
    report = program.carry_out(Chaos)
    print_report(report)
    return program.end(report["found"], f"FAILED with seed {options.seed}", report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
