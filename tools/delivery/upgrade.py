#!/usr/bin/env python3
"""Upgrades calibrators from an earlier build in the documented order while batches arrive, and verifies what both have done.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/upgrade.py --before /opt/tidemark-earlier

Two calibrators of the earlier build move boundaries. A newer one is started beside them by mistake: it must not be ready,
and handle nothing. It is ended. Then the old ones are stopped, and two newer ones start. Batches arrive all the time, on
three partitions; some are sent twice. In the end a reader with `read_committed` must find each batch counted once, by one
of both builds, and every boundary record must follow from the rule of its build. Then a worker answers requests while
`boundaries rollback` and `boundaries reset` are executed. Exit code 1: something is wrong.

--before and --after name a folder with `app/quarkus-run.jar` or `target/quarkus-app/quarkus-run.jar`; --after is this
checkout by default.
"""
import argparse
import collections
import functools
import itertools
import json
import logging
import math
import pathlib
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, TopicPartition

from broker import Cluster, free_ports
from calibration import MOVE, WITHDRAWALS, hash_of
from calibrators import (BATCHES, BOUNDARIES, CUT, DECISIONS, LAYERS, LETTERS, QUIET, SOON, STATES, BatchSender, Outcomes,
                         committed_offsets, create_topics, ends_of, gaining, has_lag, jar_of, producer, read_all, settings)
from program_run import ProgramRun
from records import place
from workers import ROOT, START_SECONDS, Launcher, WorkerError, await_condition, java, main_class

LOG = logging.getLogger("upgrade")
ADAPTERS = ["red", "green", "blue"]
PARTITIONS = 3
OBJECTIVE = "balanced"
OLDER_RECORD = "older_record"
# the end of what the readiness of a calibrator says that finds one of an earlier build in its group
REFUSAL = "stop all calibrators of earlier releases"
BESIDE_SECONDS = 15      # in which calibrators of both builds run
SETTLE_SECONDS = 300
RESULT_SECONDS = 60
SEEN_SECONDS = 2         # from the end of a command until a request must have the boundary that it has published
TIE = 1e-6
ROUNDING = 1e-9


# the rule of earlier builds

class Statistics:
    """Number, means and co-moments of a state of an earlier build."""

    def __init__(self, value):
        self.count, self.means = value["count"], value["means"]
        size = len(self.means)
        rows = iter(value["comoments"])
        self._comoments = {(a, b): next(rows) for a in range(size) for b in range(a, size)}

    def merge(self, other):
        total = self.count + other.count
        if not total:
            return self
        merged = object.__new__(Statistics)
        shift = [theirs - mine for mine, theirs in zip(self.means, other.means)]
        merged.count = total
        merged.means = [mine + each * other.count / total for mine, each in zip(self.means, shift)]
        merged._comoments = {(a, b): value + other._comoments[a, b] + shift[a] * shift[b] * self.count * other.count / total
                             for (a, b), value in self._comoments.items()}
        return merged

    def error(self, a, b):
        """The standard error of the paired difference."""
        if a == b or self.count < 2:
            return 0.0
        low, high = sorted((a, b))
        squares = self._comoments[a, a] + self._comoments[b, b] - 2 * self._comoments[low, high]
        return math.sqrt(max(0.0, squares) / (self.count - 1) / self.count)

    def balanced(self, slack=0.0):
        """The smallest boundary within one standard error of the best."""
        best = next(b for b, mean in enumerate(self.means) if mean >= max(self.means) - TIE)
        return next(b for b, mean in enumerate(self.means) if self.means[best] - mean <= self.error(b, best) + TIE + slack)


def merges(partitions, count):
    """All merges of one state of each partition, or none of it, that have a number of examples. partitions: lists of Statistics"""
    for chosen in itertools.product(*([None, *states] for states in partitions)):
        known = [each for each in chosen if each is not None]
        if known and sum(each.count for each in known) == count:
            yield functools.reduce(Statistics.merge, known)


def judge_old(record, states):
    """
    Why a boundary record of an earlier build does not follow from its states; None if it does. states: the records of all
    states of the adapter
    """
    value = record.value
    partitions = collections.defaultdict(dict)
    for each in states:
        partitions[each.value["input_partition"]][each.value["statistics"]["count"]] = Statistics(each.value["statistics"])
    totals = [total for total in merges([list(each.values()) for each in partitions.values()], value["samples"])
              if all(abs(mine - theirs) < TIE for mine, theirs in zip(total.means, value["curve"]))]
    if not totals:
        return f"no states have {value['samples']} examples with these means"
    chosen = {total.balanced(slack) for total in totals for slack in (-ROUNDING, ROUNDING)}
    return None if value["boundary"] in chosen else f"boundary {value['boundary']}, but {OBJECTIVE} chooses {sorted(chosen)}"


# the judgement of the upgrade

def of_old(value):
    """Whether a boundary record has the form of an earlier build, or a state has only counted batches of one."""
    return value.get("test") is None and value.get("epoch") is None


def written_by_old(state):
    """
    Whether a calibrator of an earlier build has written a state. The first claim of a newer one keeps the state without an
    epoch, and has a digest of the examples.
    """
    return of_old(state) and "content" not in (state.get("claim") or {})


def countings(records):
    """(adapter, hash) of a batch -> the states that were the first of their partition to count it."""
    known, found = collections.defaultdict(set), collections.defaultdict(list)
    for record in records:
        if record.topic == STATES and record.value is not None:
            adapter, partition = record.value["adapter"], record.value["input_partition"]
            for each in record.value["counted_batches"]:
                if each not in known[adapter, partition]:
                    known[adapter, partition].add(each)
                    found[adapter, each].append(record)
    return found


def judge(records, stopped_at, handled):
    """
    What is wrong, as texts, and figures. records: those of the calibrators' topics, by offset; stopped_at: the end offset
    of the states when the last calibrator of the earlier build had ended; handled: the offsets, by partition, below which
    the earlier build had handled the batches. It skips a batch that it has counted, without a dead letter.
    """
    wrong, figures = [], collections.Counter()
    by_topic = collections.defaultdict(list)
    for record in records:
        by_topic[record.topic].append(record)
    _judge_batches(by_topic, handled, wrong, figures)
    for record in by_topic[STATES]:
        if record.value is None:
            continue
        if written_by_old(record.value) and record.offset >= stopped_at:
            wrong.append(f"the state at offset {record.offset} is one of the earlier build, after the end of its calibrators")
        elif not written_by_old(record.value) and record.offset < stopped_at:
            wrong.append(f"the state at offset {record.offset} is one of the new build, and a calibrator of the earlier one ran")
    for adapter in sorted({record.key for record in by_topic[BOUNDARIES]}):
        _judge_boundaries(adapter, by_topic, wrong, figures)
    return wrong, figures


def _judge_batches(by_topic, handled, wrong, figures):
    letters = {}
    for record in by_topic[LETTERS]:
        source = tuple(record.headers.get(f"tidemark.source.{part}") for part in ("topic", "partition", "offset"))
        letters[place(*source)] = record.headers.get("tidemark.error.code")
    sent = collections.defaultdict(list)
    for record in by_topic[BATCHES]:
        sent[record.value["adapter"], hash_of(record.value["batch_id"])].append(record)
    counted = countings(by_topic[STATES])
    for name, copies in sent.items():
        states = counted[name]
        refused = [letters.get(place(each.topic, each.partition, each.offset)) for each in copies]
        if len(states) != 1:
            wrong.append(f"batch {name} is counted {len(states)} times")
        elif not 1 <= sum(code is None for code in refused) <= max(1, sum(each.offset < handled[each.partition] for each in copies)):
            wrong.append(f"batch {name} was sent {len(copies)} times, and has the dead letters {refused}")
        elif any(code not in (None, "duplicate_batch") for code in refused):
            wrong.append(f"batch {name} has the dead letters {refused}")
        if states:
            figures["counted by the old build" if of_old(states[0].value) else "counted by the new build"] += 1
        figures["repetitions skipped by the old build"] += max(0, sum(code is None for code in refused) - 1)
        figures["repetitions refused"] += sum(code is not None for code in refused)
        if states and of_old(states[0].value):
            figures["repetitions refused of batches that the old build counted"] += sum(code is not None for code in refused)
    figures["batches"] = sum(map(len, sent.values()))


def _judge_boundaries(adapter, by_topic, wrong, figures):
    """The rule of the earlier build for its records, then a withdrawal, then records that follow from decisions."""
    table = [record for record in by_topic[BOUNDARIES] if record.key == adapter and record.value is not None]
    old = [record for record in table if of_old(record.value) and not record.value.get("pinned")]
    new = [record for record in table if not of_old(record.value)]
    states = [record for record in by_topic[STATES] if record.value is not None and record.value["adapter"] == adapter
              and of_old(record.value)]
    figures["boundary records of the old build"] += len(old)
    figures["boundary records of the new build"] += len(new)
    for record in old:
        fault = judge_old(record, states)
        if fault:
            wrong.append(f"the old boundary record of '{adapter}' at offset {record.offset}: {fault}")
        if new and record.offset > new[0].offset:
            wrong.append(f"the old boundary record of '{adapter}' at offset {record.offset} follows one of the new build")
    if old and old[-1].value["boundary"] < LAYERS:
        figures["boundaries of the old build in force at the upgrade"] += 1
        if not new or new[0].value.get("reason") != OLDER_RECORD or new[0].value["boundary"] != LAYERS:
            wrong.append(f"'{adapter}' has no withdrawal of the old boundary as the first record of the new build")
    in_force = old[-1].value["boundary"] if old else LAYERS
    for record in new:
        reason = record.value["reason"]
        figures[f"records '{reason}'"] += 1
        if reason not in (MOVE, *WITHDRAWALS):
            wrong.append(f"the boundary record of '{adapter}' at offset {record.offset} has the reason '{reason}'")
        if reason == OLDER_RECORD and record is not new[0]:
            wrong.append(f"the boundary record of '{adapter}' at offset {record.offset} withdraws an old boundary again")
        if reason == MOVE and record.value["test"]["log_e"] < record.value["test"]["threshold"]:
            wrong.append(f"the boundary record of '{adapter}' at offset {record.offset} was not certified")
        in_force = record.value["boundary"]
    decisions = [each.value for each in by_topic[DECISIONS] if each.key == adapter and each.value.get("evidence") is not None]
    if decisions and decisions[-1]["boundary"] != in_force:
        wrong.append(f"'{adapter}' has boundary {in_force}, but the last decision is {decisions[-1]['boundary']}")


class Upgrade:

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._random = random.Random(options.seed)
        self._jars = {True: jar_of(options.before), False: jar_of(options.after)}
        self._cluster = Cluster(folder / "brokers", 1, settings=SOON)
        self._processes = []
        self._wrong = []
        self._begin = None
        self._counted_beside = 0

    def run(self):
        """Returns the report."""
        try:
            self._cluster.start()
            create_topics(self._cluster.clients, PARTITIONS)
            self._begin = time.monotonic()
            self._outcomes = Outcomes(self._cluster.clients)
            self._outcomes.start()
            self._batches = BatchSender(self._cluster.clients, ADAPTERS, PARTITIONS, self._random, self._options.rate)
            self._batches.start()
            old = [self._start(f"old-{n}", True) for n in (1, 2)]
            self._await(lambda: all(each.is_ready() for each in old), "the old calibrators are not ready", START_SECONDS)
            self._await(lambda: all((self._outcomes.record(adapter) or {}).get("boundary", LAYERS) < LAYERS for adapter in ADAPTERS),
                        "the old calibrators have not moved all boundaries")
            self._say("the old calibrators have moved the boundary of " + ", ".join(
                f"'{adapter}' to {self._outcomes.record(adapter)['boundary']}" for adapter in ADAPTERS))
            self._beside(self._start("new-too-early", False), old)
            self._stop(old)
            # no calibrator runs: neither offset can change before the new ones start
            stopped_at = ends_of(self._cluster.clients, STATES)[0]
            handled = committed_offsets(self._cluster.clients, PARTITIONS)
            self._say("the old calibrators have ended")
            new = [self._start(f"new-{n}", False) for n in (1, 2)]
            self._await(lambda: all(each.is_ready() for each in new), "the new calibrators are not ready after the end of the old ones")
            self._say("the new calibrators are ready")
            self._both_kinds()
            self._batches.end()
            self._await(self._settled, "batches are neither counted nor dead letters")
            self._stop(new)
            self._outcomes.end()
            records, found, counts = read_all(self._cluster.clients)
            wrong, figures = judge(records, stopped_at, handled)
            seen = [] if self._options.no_worker else Commands(self).run()
            figures["counted by the old build beside a new calibrator"] = self._counted_beside
            return {"seed": self._options.seed, "figures": dict(figures), "counts": counts, "commands": seen,
                    "wrong": self._wrong + self._batches.failures + found + wrong}
        finally:
            for each in self._processes:
                each.kill()
            self._cluster.kill()

    def _beside(self, mistaken, old):
        """A new calibrator beside old ones is not ready and handles nothing; the old ones go on. Then it is ended."""
        self._await(lambda: REFUSAL in health_of(mistaken), "the new calibrator does not refuse", START_SECONDS)
        counted, end = self._outcomes.count()[0], time.monotonic() + BESIDE_SECONDS
        while time.monotonic() < end:
            if mistaken.is_ready():
                self._wrong.append("the new calibrator is ready beside old ones")
                break
            time.sleep(0.2)
        more = self._outcomes.count()[0] - counted
        if REFUSAL not in health_of(mistaken):
            self._wrong.append("the readiness of the new calibrator beside old ones does not say what to do")
        if not more or not all(each.is_ready() for each in old):
            self._wrong.append("the old calibrators do not go on beside a new one")
        self._say(f"beside the old calibrators a new one is not ready, and they count {more} batches")
        self._counted_beside = more
        self._stop([mistaken])
        self._say("the new calibrator has ended")

    def _stop(self, calibrators):
        for each in calibrators:
            each.terminate()
        names = ", ".join(each.name for each in calibrators)
        self._await(lambda: not any(each.alive for each in calibrators), f"{names} have not ended after SIGTERM")

    def _both_kinds(self):
        """Boundaries move, are withdrawn, and move again."""
        self._await(self._all_at(CUT), "the new calibrators have not moved all boundaries")
        self._say("the new calibrators have moved all boundaries")
        for adapter in ADAPTERS:
            self._batches.gaining[adapter] = False
        self._await(self._all_at(LAYERS), "the new calibrators have not withdrawn all boundaries")
        self._say("the new calibrators have withdrawn all boundaries")
        for adapter in ADAPTERS:
            self._batches.gaining[adapter] = True
        self._await(self._all_at(CUT), "the new calibrators have not moved all boundaries again")
        self._say("the new calibrators have moved all boundaries again")

    def _all_at(self, boundary):
        return lambda: all((record := self._outcomes.record(adapter)) is not None and not of_old(record)
                           and record["boundary"] == boundary for adapter in ADAPTERS)

    def _settled(self):
        counted, letters = self._outcomes.count()
        return counted >= self._batches.unique and not has_lag(self._cluster.clients, PARTITIONS)

    def _start(self, name, is_old):
        environment = settings(ADAPTERS, PARTITIONS, TIDEMARK_CALIBRATOR_OBJECTIVE=OBJECTIVE)
        return self.start(name, environment, self._jars[is_old])

    def start(self, name, environment, jar=None):
        launcher = Launcher(self._folder, self._cluster.workers, environment, jar=jar or self._jars[False])
        process = launcher.start(name, free_ports(1)[0], name)
        self._processes.append(process)
        return process

    def _await(self, condition, what, seconds=SETTLE_SECONDS):
        await_condition(condition, self._processes, what, seconds)

    def _say(self, text):
        LOG.info("%6.1f s  %s (%d batches)", time.monotonic() - self._begin, text, self._batches.unique)

    # for the commands

    def await_ready(self, process):
        self._await(process.is_ready, f"{process.name} is not ready", START_SECONDS)

    @property
    def clients(self):
        return self._cluster.clients

    @property
    def jar(self):
        return self._jars[False]

    def add_wrong(self, text):
        self._wrong.append(text)


class Commands:
    """A worker that answers requests of an adapter while an operator takes a move back, and resets it."""

    def __init__(self, upgrade):
        self._upgrade = upgrade
        self._prompt = gaining()[0]["prompt"]
        self._producer = producer(upgrade.clients)
        self._number = 0

    def run(self):
        """Returns (command, boundaries of the results from its end on) of each command."""
        adapter = ADAPTERS[0]
        environment = settings(ADAPTERS, PARTITIONS, TIDEMARK_ROLE="worker")
        worker = self._upgrade.start("worker", environment)
        self._upgrade.await_ready(worker)
        self._consumer = Consumer({"bootstrap.servers": self._upgrade.clients, "group.id": "upgrade-results", "enable.auto.commit": False,
                                   "isolation.level": "read_committed", **QUIET})
        topic = "generation-results"
        self._consumer.assign([TopicPartition(topic, partition, 0)
                               for partition in self._consumer.list_topics(topic, timeout=30).topics[topic].partitions])
        # a move from a boundary below full LoRA, so that a rollback differs from a reset
        self._publish_move(adapter, 5, 3)
        seen = [("a move from 5 to 3", self._results(adapter, 3))]
        self._boundaries("rollback", adapter)
        seen.append(("rollback", self._results(adapter, 5)))
        self._boundaries("reset", adapter)
        seen.append(("reset", self._results(adapter, LAYERS)))
        self._consumer.close()
        worker.terminate()
        worker.process.wait(30)
        return seen

    def _publish_move(self, adapter, before, boundary):
        """The record of the last move of a calibrator, with other boundaries."""
        records, _, _ = read_all(self._upgrade.clients)
        move = [each.value for each in records if each.topic == BOUNDARIES and each.key == adapter and each.value is not None
                and each.value.get("reason") == MOVE][-1]
        value = {**move, "boundary": boundary, "test": {**move["test"], "boundary_before_move": before}}
        self._producer.produce(BOUNDARIES, json.dumps(value).encode(), adapter.encode())
        self._producer.flush(30)

    def _boundaries(self, command, *arguments):
        jar = self._upgrade.jar
        done = subprocess.run([java(), "-XX:TieredStopAtLevel=1", "-cp", str(jar), main_class(jar), "boundaries", command, *arguments,
                               "--broker", self._upgrade.clients], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WorkerError(f"boundaries {command} failed: {done.stdout}{done.stderr}")

    def _results(self, adapter, expected):
        """The boundaries of the next results; those of requests that are written later than {SEEN_SECONDS} must be the expected one."""
        boundaries, end = [], time.monotonic() + SEEN_SECONDS
        while True:
            late = time.monotonic() > end
            boundaries.append(self._request(adapter))
            if late and boundaries[-1] != expected:
                self._upgrade.add_wrong(f"a result has boundary {boundaries[-1]}, not {expected}")
                return boundaries
            if late and len(boundaries) >= 5:
                if sorted(boundaries, key=lambda each: each == expected) != boundaries:
                    self._upgrade.add_wrong(f"results have the boundaries {boundaries}")
                return boundaries

    def _request(self, adapter):
        self._number += 1
        name = f"q-{self._number}"
        self._producer.produce("generation-requests", json.dumps(
            {"id": name, "model": adapter, "prompt": self._prompt, "max_tokens": 2}).encode(), name.encode())
        self._producer.flush(30)
        end = time.monotonic() + RESULT_SECONDS
        while time.monotonic() < end:
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                value = json.loads(message.value())
                if value["id"] == name:
                    if "error" in value:
                        raise WorkerError(f"request {name} has the result {value['error']}")
                    return value["tidemark"]["boundary"]
        raise WorkerError(f"request {name} has no result after {RESULT_SECONDS} s")


def health_of(process):
    """The text of the readiness check, also if it fails; empty if there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{process.port}/q/health/ready", timeout=2) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.read().decode()
    except (OSError, urllib.error.URLError):
        return ""


def print_report(report):
    figures = report["figures"]
    print(f"\n{figures.pop('batches')} batches, seed {report['seed']}")
    for name in sorted(figures):
        print(f"  {name}: {figures[name]}")
    print(f"  records: {report['counts']}")
    for name, boundaries in report["commands"]:
        runs = [(boundary, len(list(run))) for boundary, run in itertools.groupby(boundaries)]
        print(f"  results after '{name}': " + ", then ".join(f"{count} with boundary {boundary}" for boundary, count in runs))
    for each in report["wrong"][:40]:
        print(f"WRONG: {each}")
    print("nothing is wrong" if not report["wrong"] else f"{len(report['wrong'])} faults")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--before", type=pathlib.Path, required=True, metavar="FOLDER", help="the earlier build")
    parser.add_argument("--after", type=pathlib.Path, default=ROOT, metavar="FOLDER", help="the new build (default: this checkout)")
    parser.add_argument("--rate", type=float, default=1.5, help="batches a second (default %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6), help="of the batches; by default a random one")
    parser.add_argument("--no-worker", action="store_true", help="leave out the worker and the commands")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    options.before, options.after = options.before.resolve(), options.after.resolve()
    program = ProgramRun("upgrade", options)
    print(f"upgrade of calibrators: seed {options.seed}; logs in {program.folder}", flush=True)
    report = program.carry_out(Upgrade)
    print_report(report)
    return program.end(report["wrong"], report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
