#!/usr/bin/env python3
"""Kills a calibrator at each of its writes, and compares what it has decided with a run without kills.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/kills.py

A stream is the same five batches for an adapter of its own: the boundary stays, moves, is watched, is withdrawn, and moves
again. A process calibrates the first stream without a kill. In each other stream, the process gets SIGKILL at its n-th write
to the brokers in each of three batches, those that stay, move and are withdrawn, or in those that `--batches` names. A proxy
drops either the request or its response. A new process continues. Streams are added until no batch has an n-th write. In the
end a reader with `read_committed` must find the same states, boundary records and decisions in all streams. Exit code 1: it
does not.

Not covered: the second decision after a commit, which needs another partition, and a restored pin. The Java tests
`CalibratorRuleTest` and `RestoredPinsTest` cover these on one thread, without kills.
"""
import argparse
import collections
import logging
import pathlib
import sys
import time

import commit_proxy
from broker import Cluster, free_ports
from calibration import MOVE, WITHDRAWALS, counted_hashes, hash_of
from calibrators import (BATCHES, BOUNDARIES, DECISIONS, LETTERS, SOON, STATES, Outcomes, batch, create_topics, gaining, jar_of,
                         losing, producer, read_all, settings)
from program_run import ProgramRun
from workers import ROOT, START_SECONDS, Launcher, WorkerError, await_condition

LOG = logging.getLogger("kills")
# what each batch has: examples of a kind, and what follows; (gaining, count)
PLAN = {"stays": (True, 2), "moves": (True, 3), "is watched": (False, 3), "is withdrawn": (False, 4), "moves again": (True, 6)}
# by default; all five take more than eight minutes
KILLED = ("stays", "moves", "is withdrawn")
EXPECTED = [MOVE, "alarm", MOVE]
REFERENCE = "no-kill"
DONE_SECONDS = 60
MOST_WRITES = 30
ROUNDING = 1e-9


def adapter_of(number, delivered):
    """Name of the adapter whose batches have a kill at a write."""
    return f"kill-{number}{'b' if delivered else 'a'}"


ALL_ADAPTERS = [REFERENCE, *(adapter_of(number, delivered) for number in range(1, MOST_WRITES + 1) for delivered in (False, True))]


class Stream:
    """The batches of one adapter, and at which write each of them has a kill."""

    def __init__(self, adapter, number=None, delivered=False):
        self.adapter = adapter
        self.number = number        # of the write; None without a kill
        self.delivered = delivered
        self.kills = []             # (what the batch does, names of its writes up to the kill)
        self.writes = {}            # what the batch does -> names of its writes; without a kill

    def __str__(self):
        if self.number is None:
            return "without a kill"
        return f"kill at write {self.number} of each batch, {'whose answer does not arrive' if self.delivered else 'which does not arrive'}"


def comparable(records, adapter):
    """
    What a stream has led to, without offsets and times: states after each batch, boundary records and decisions that change
    something in their order, the other decisions by batch, and dead letters.
    """
    def cleaned(value):
        if not isinstance(value, dict):
            return value
        return {name: cleaned(each) for name, each in value.items() if name not in ("adapter", "decided_at", "offset")}

    of = collections.defaultdict(list)
    for record in records:
        if record.value is not None and record.topic in (STATES, BOUNDARIES, DECISIONS) and record.value["adapter"] == adapter:
            of[record.topic].append(cleaned(record.value))
    counted, states = 0, []
    for state in of[STATES]:
        if len(state["counted_batches"]) != counted:   # a claim counts nothing
            states.append(state)
        counted = len(state["counted_batches"])
    changing = [each for each in of[DECISIONS] if each["reason"] in (MOVE, *WITHDRAWALS) or each["epoch"].get("end")]
    batches = {record.offset: record.value["adapter"] for record in records if record.topic == BATCHES and record.partition == 0}
    letters = [record.headers.get("tidemark.error.code") for record in records if record.topic == LETTERS
               and batches.get(int(record.headers.get("tidemark.source.offset", -1))) == adapter]
    return {"states": states, "last state": of[STATES][-1] if of[STATES] else None, "boundary records": of[BOUNDARIES],
            "changing decisions": changing, "other decisions": [each for each in of[DECISIONS] if each not in changing],
            "dead letters": letters}


def differences(mine, theirs, where=""):
    """Where two JSON values differ, as texts; numbers may differ by rounding."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        found = []
        for name in sorted({*mine, *theirs}):
            if name in mine and name in theirs:
                found += differences(mine[name], theirs[name], f"{where}.{name}" if where else name)
            else:
                found.append(f"{where}.{name} is only {'with' if name in mine else 'without'} kills")
        return found
    if isinstance(mine, list) and isinstance(theirs, list):
        if len(mine) != len(theirs):
            return [f"{where}: {len(mine)} with kills, {len(theirs)} without"]
        return [each for n, pair in enumerate(zip(mine, theirs)) for each in differences(*pair, f"{where}[{n}]")]
    if isinstance(mine, float) and isinstance(theirs, (int, float)) or isinstance(theirs, float) and isinstance(mine, int):
        return [] if abs(mine - theirs) <= ROUNDING * max(1.0, abs(theirs)) else [f"{where}: {mine} with kills, {theirs} without"]
    return [] if mine == theirs else [f"{where}: {str(mine)[:80]} with kills, {str(theirs)[:80]} without"]


def judge(records, reference, streams, names):
    """What is wrong, as texts. names: the ids of the batches of a stream, in order"""
    expected, found = comparable(records, reference), []
    for adapter in (reference, *streams):
        seen = comparable(records, adapter)
        counted = collections.Counter(each for state in seen["states"][-1:] for each in counted_hashes(state))
        for name in names:
            if counted[hash_of(name)] != 1:
                found.append(f"{adapter}: batch '{name}' is counted {counted[hash_of(name)]} times")
        if seen["dead letters"]:
            found.append(f"{adapter}: dead letters {seen['dead letters']}")
        if adapter == reference:
            continue
        for part in ("states", "last state", "boundary records", "changing decisions"):
            found += [f"{adapter}: {each}" for each in differences(seen[part], expected[part], part)[:5]]
        # those that change nothing are written at most once a minute by a process
        by_batch = {each["evidence"]["batch_id"]: each for each in expected["other decisions"]}
        for each in seen["other decisions"]:
            other = by_batch.get(each["evidence"]["batch_id"])
            if other is not None:
                found += [f"{adapter}: {text}" for text in differences(each, other, "decision that changes nothing")[:5]]
    return found


class Kills:

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._jar = jar_of(options.app.resolve())
        ports = free_ports(5)
        self._port = ports[4]
        self._cluster = Cluster(folder / "brokers", 1, [tuple(ports[:3])], [f"{commit_proxy.HOST}:{ports[3]}"], settings=SOON)
        self._proxy = commit_proxy.CommitProxy({ports[3]: ports[1]})
        self._archive = folder / "classes.jsa"
        self._starts = 0
        self._process = None
        self._outcomes = self._producer = self._batches = None
        self._takeovers = []     # seconds from a kill until the batch is counted

    def run(self):
        """Returns the report."""
        taken = iter(gaining()), iter(losing())
        self._batches = {f"b{n + 1}": [next(taken[0 if gains else 1]) for _ in range(count)]
                         for n, (gains, count) in enumerate(PLAN.values())}
        try:
            self._proxy.start()
            self._cluster.start()
            create_topics(self._cluster.clients, 1)
            self._outcomes = Outcomes(self._cluster.clients)
            self._outcomes.start()
            self._producer = producer(self._cluster.clients)
            self._start()
            streams = [self._calibrate(Stream(REFERENCE))]
            self._end_process()
            self._start()
            for number in range(self._options.writes[0], self._options.writes[1] + 1):
                pair = [self._calibrate(Stream(adapter_of(number, delivered), number, delivered)) for delivered in (False, True)]
                streams += pair
                if not any(stream.kills for stream in pair):
                    break
            else:
                if self._options.writes[1] == MOST_WRITES:
                    raise WorkerError(f"a batch has more than {MOST_WRITES} writes")
            if self._options.plant:
                self._send(streams[-1].adapter, "b5", "another-id")
            self._outcomes.end()
            records, found, counts = read_all(self._cluster.clients)
        finally:
            self._end_process()
            self._cluster.kill()
            self._proxy.close()
        return self._report(streams, records, found, counts)

    def _calibrate(self, stream):
        """Sends the batches of a stream, one after the other, and kills the process that handles them."""
        for name, does in zip(self._batches, PLAN):
            self._proxy.take_writes()
            kills = stream.number and does in self._options.batches
            hold = kills and self._proxy.hold(stream.number, stream.delivered)
            self._send(stream.adapter, name, name, wait=False)
            if hold and self._reached(hold, stream.adapter, name):
                self._process.kill()
                killed = time.monotonic()
                stream.kills.append((does, self._proxy.take_writes()))
                self._start()
                self._await(lambda: self._outcomes.counted(stream.adapter, name), f"batch {name} of {stream.adapter} is not counted")
                self._takeovers.append(time.monotonic() - killed)
            else:
                self._await(lambda: self._outcomes.counted(stream.adapter, name), f"batch {name} of {stream.adapter} is not counted")
                time.sleep(0.2)   # the response to its last write
                stream.writes[does] = self._proxy.take_writes()
            self._proxy.release()
        LOG.info("%s: %s; killed in %s", stream.adapter, stream, ", ".join(f"'{does}'" for does, _ in stream.kills) or "no batch")
        return stream

    def _reached(self, hold, adapter, name):
        """Whether the process is at the write; False if the batch has ended before it."""
        end = time.monotonic() + DONE_SECONDS
        while not hold.reached.wait(0.02):
            if self._outcomes.counted(adapter, name):
                return hold.reached.wait(0.3)   # a write after the commit
            if time.monotonic() > end:
                raise WorkerError(f"batch {name} of {adapter} is not counted; see {self._process.log}")
        return True

    def _send(self, adapter, name, batch_id, wait=True):
        self._producer.produce(BATCHES, batch(batch_id, adapter, self._batches[name]), adapter.encode())
        self._producer.flush(30)
        if wait:
            self._await(lambda: self._outcomes.counted(adapter, batch_id), f"batch {batch_id} of {adapter} is not counted")

    def _start(self):
        self._starts += 1
        # the process of the first stream ends normally and writes its classes, so that the others start in less time
        use = "SharedArchiveFile" if self._archive.exists() else "ArchiveClassesAtExit"
        launcher = Launcher(self._folder, self._cluster.workers, settings(ALL_ADAPTERS, 1), jar=self._jar,
                            flags=[f"-XX:{use}={self._archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"])
        # the same name, so that the new process ends the open transaction of the old one
        self._process = launcher.start("calibrator", self._port, f"calibrator-{self._starts}")
        self._await(self._process.is_ready, "the calibrator is not ready", START_SECONDS)

    def _await(self, condition, what, seconds=DONE_SECONDS):
        await_condition(condition, [self._process], what, seconds, poll_seconds=0.02)

    def _end_process(self):
        """SIGTERM, so that the next process needs no session timeout."""
        if self._process is not None and self._process.alive:
            self._process.terminate()
            try:
                self._process.process.wait(60)
            except Exception:
                self._process.kill()

    def _report(self, streams, records, found, counts):
        seen = comparable(records, REFERENCE)
        reasons = [each["reason"] for each in seen["changing decisions"]]
        if reasons != EXPECTED:
            found.append(f"without kills the decisions are {reasons}, not {EXPECTED}")
        found += judge(records, REFERENCE, [stream.adapter for stream in streams[1:]], list(self._batches))
        points = collections.Counter(does for stream in streams for does, _ in stream.kills)
        return {"streams": len(streams), "kills": sum(points.values()), "kills_by_batch": dict(points),
                "writes": {does: " ".join(writes) for does, writes in streams[0].writes.items()},
                "boundaries": [each["boundary"] for each in seen["boundary records"]], "reasons": reasons,
                "last_writes": sorted({writes[-1] for stream in streams for _, writes in stream.kills if writes}),
                "takeovers": sorted(round(each, 1) for each in self._takeovers), "counts": counts, "found": found}


def writes(text):
    first, _, last = text.partition("-")
    numbers = int(first), int(last or first)
    if not 1 <= numbers[0] <= numbers[1] <= MOST_WRITES:
        raise argparse.ArgumentTypeError(f"'{text}' is no range within 1-{MOST_WRITES}")
    return numbers


def print_report(report):
    print(f"\n{report['streams']} streams, {report['kills']} kills: "
          + ", ".join(f"{count} in '{does}'" for does, count in report["kills_by_batch"].items()))
    for does, writes in report["writes"].items():
        print(f"  writes of the batch '{does}' without a kill: {writes}")
    print(f"without kills: boundaries {report['boundaries']}, reasons {report['reasons']}")
    times = report["takeovers"]
    if times:
        print(f"from the kill until the batch is counted: median {times[len(times) // 2]} s, most {times[-1]} s")
    print(f"records: {report['counts']}")
    for each in report["found"][:40]:
        print(f"WRONG: {each}")
    print("nothing is wrong: all streams have the same states, boundary records and decisions" if not report["found"]
          else f"{len(report['found'])} faults")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batches", type=lambda names: names.split(","), default=KILLED, metavar="BATCH,BATCH",
                        help=f"kill in these of: {', '.join(PLAN)} (default: {', '.join(KILLED)})")
    parser.add_argument("--writes", type=writes, default=(1, MOST_WRITES), metavar="FIRST-LAST",
                        help="kill at these writes only (default: all)")
    parser.add_argument("--plant", action="store_true", help="send a batch again with another id, which the judge must find")
    parser.add_argument("--app", type=pathlib.Path, default=ROOT, metavar="FOLDER",
                        help="an unpacked archive or a checkout, such as one with a planted fault (default: this checkout)")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    if unknown := set(options.batches) - set(PLAN):
        parser.error(f"no batches {sorted(unknown)}")
    program = ProgramRun("kills", options)
    print(f"kills of a calibrator; logs in {program.folder}", flush=True)
    begin = time.monotonic()
    report = program.carry_out(Kills)
    print_report(report)
    print(f"{time.monotonic() - begin:.0f} s")
    return program.end(report["found"], report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
