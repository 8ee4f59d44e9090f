#!/usr/bin/env python3
"""A day of a trainer that publishes a version each minute and keeps the last three, as fast as a worker takes them.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/trainer.py                        # 1,440 versions, about ten minutes
    python tools/delivery/trainer.py --versions 60          # a minute
    python tools/delivery/trainer.py --known 1000           # a thousand adapters, 64 of them in memory

Each version has a name of its own, and an alias gives the newest 80 of 100 requests and the two before it 10 each. The version
before these is removed, from the topic and from its store. Prints disk, memory and heap of the worker at the beginning, in the
middle and at the end. Exit code 1: they grow by more than a tenth and GROWTH, a request has an error, or `verify.py` found something.
"""
import argparse
import pathlib
import random
import statistics
import sys
import time
import urllib.request

from program_run import ProgramRun
from service import ADAPTERS, BASE, WAIT_SECONDS, Requests, Results, SceneFailed, Service, require
from stores import CONFIG, Hub, digest_of, read
from traffic import Ledger, RequestSender
from verify import run_verifier, summary
from workers import IMAGE_HEAP, MODEL

ALIAS = "day"
WEIGHTS = (80, 10, 10)           # of the newest version and of those before it
SOURCE = MODEL / "adapters" / "qv"
CACHED = 8                       # versions that fit the cache folder
RESIDENT = 64                    # with --known
SAMPLES = 60                     # over the day
NAMES = 256                      # adapters that have metrics of their own; until then, the metrics and their memory grow
BEGIN = 0.1                      # share of a shorter day before its first sample counts: caches and compiled code grow first
GROWTH = {"RSS": 24 << 20, "heap": 16 << 20, "disk": 0, "metrics": 20}   # from the middle to the end, beyond a tenth


class Worker:
    """What one worker uses."""

    def __init__(self, service, cache):
        self._service, self._cache = service, cache

    def metrics(self):
        """All samples by name with labels."""
        port = self._service.workers[0].port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/q/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def sample(self):
        worker = self._service.workers[0]
        worker.sample_memory()
        metrics = self.metrics()
        heap = sum(value for name, value in metrics.items() if name.startswith('jvm_memory_used_bytes{area="heap"'))
        return {"RSS": worker.memory[-1][1], "heap": heap, "disk": folder_bytes(self._cache), "metrics": len(metrics)}


class Day:
    """One run."""

    def __init__(self, options, folder):
        self._options = options
        self._cache = folder / "cache"
        self._root = folder / "files"
        self._root.mkdir()
        self._hub = Hub()
        version_bytes = sum(map(len, read(SOURCE).values())) + 4096
        self._settings = {
            "TIDEMARK_MODEL_DIR": str(MODEL), "TIDEMARK_ENGINE_PROCESSORS": "1", "TIDEMARK_ENGINE_KV_BYTES": "64M",
            "TIDEMARK_SOURCES_CACHE_DIR": str(self._cache), "TIDEMARK_SOURCES_CACHE_BYTES": str(CACHED * version_bytes),
            "TIDEMARK_SOURCES_FILE_ROOT": str(self._root), "TIDEMARK_SOURCES_ALLOWED": "hf://team",
            "TIDEMARK_SOURCES_HUB_ENDPOINT": f"http://{self._hub.server.address}"}
        self._service = Service(folder, self._settings, workers=1, heap=options.heap)
        self._worker = Worker(self._service, self._cache)
        self._ledger = Ledger()
        self._requests = Requests(random.Random(options.seed), [BASE])
        self._results = self._sender = None
        self._unknown = 0        # requests that came before the record of their name was read
        self._failures = []

    def run(self):
        """Returns the report."""
        try:
            self._service.start_brokers()
            seconds = self._service.start_workers()
            print(f"the worker is ready after {seconds:.1f} s", flush=True)
            self._results = Results(self._service.brokers, self._ledger)
            self._sender = RequestSender(self._service.brokers, self._requests, self._ledger, lambda open_requests: 0)
            for thread in (self._results, self._sender):
                thread.start()
            report = self._known() if self._options.known else self._day()
            self._sender.end()
            self._service.stop_workers()
            self._results.end()
            self._service.states.end()
            report["verifier"] = run_verifier(self._service.brokers, "--adapters", ADAPTERS, "--base-digest", self._service.base)
            report["failures"] = self._failures + self._sender.failures
            return report
        finally:
            self._service.kill()

    def _ask(self, models):
        """The results of requests, none of which may be an error."""
        ids = []
        for model in models:
            record = self._requests.of(model, "ask")
            self._sender.send_next(record)
            ids.append(record.id)
        results = self._results.of(ids, 120)
        errors = [result["error"] for result in results if result["error"] is not None]
        require(not errors, f"errors {errors[:5]} of requests for {sorted(set(models))[:5]}")
        return results

    def _until_served(self, name, digest):
        """Sends requests, one after the other, until one has a result of the version. Before, the name is unknown."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            record = self._requests.of(name, "ask")
            self._sender.send_next(record)
            result, = self._results.of([record.id])
            if result["error"] != "unknown_adapter":
                require(result["error"] is None and result["adapter_digest"] == digest, f"{name}: {result}")
                return
            self._unknown += 1
        raise SceneFailed(f"'{name}' is unknown after {WAIT_SECONDS} s")

    def _day(self):
        files, publisher = read(SOURCE), self._service.publisher
        samples, seconds, kept = [], [], []
        every = max(1, self._options.versions // SAMPLES)
        begin = time.monotonic()
        for number in range(1, self._options.versions + 1):
            started = time.monotonic()
            name = f"{ALIAS}-{number}"
            version = {**files, CONFIG: files[CONFIG] + b" " * number}
            publisher.version(name, self._hub.put(f"team/{name}", version), digest_of(version))
            kept.append(name)
            self._until_served(name, digest_of(version))
            publisher.alias(ALIAS, dict(zip(reversed(kept), WEIGHTS)))
            if len(kept) > len(WEIGHTS):
                removed = kept.pop(0)
                publisher.write(removed, None)
                self._hub.remove(f"team/{removed}")
            if number > 1:   # before, a worker may not have read the record of the alias
                self._ask([ALIAS])
            seconds.append(time.monotonic() - started)
            if number % every == 0:
                samples.append({"version": number, **self._worker.sample()})
                if number % (every * 10) == 0:
                    print(f"{number} versions after {time.monotonic() - begin:.0f} s: {sizes(samples[-1])}", flush=True)
        if every * 3 <= self._options.versions:
            self._failures += growth(samples)
        print(f"{self._options.versions} versions in {time.monotonic() - begin:.0f} s; each with its requests takes "
              f"{statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s (worst); {self._unknown} requests came before "
              "the worker had read the record of their name", flush=True)
        return {"samples": samples, "seconds": seconds}

    def _known(self):
        """Many adapters that are known, of which few are in memory: the time of a start, and the memory."""
        count, files, publisher = self._options.known, read(SOURCE), self._service.publisher
        self._print("no adapter")
        offsets = []
        for number in range(count):
            version = {**files, CONFIG: files[CONFIG] + b" " * number}
            folder = self._root / f"{number}"
            folder.mkdir()
            for name, body in version.items():
                (folder / name).write_bytes(body)
            offsets.append(publisher.version(f"known-{number}", f"file:{number}", digest_of(version))[0])
        self._service.wait_applied(offsets[-1])
        self._await_ready(count)
        self._print(f"{count} adapters known")
        self._ask(["known-0"])
        metrics = self._worker.metrics()
        each = int(metrics["tidemark_adapter_resident_bytes"] / metrics["tidemark_adapters_resident"])
        self._service.stop_workers()
        self._settings["TIDEMARK_ENGINE_ADAPTER_BYTES"] = str(RESIDENT * each)
        seconds = self._service.start_workers()
        began = time.monotonic()
        self._await_ready(count)
        print(f"start with {count} adapters known: ready after {seconds:.1f} s, the files of all are checked "
              f"{time.monotonic() - began:.1f} s later", flush=True)
        self._print(f"{count} adapters known, after a restart")
        begin = time.monotonic()
        for first in range(0, count, RESIDENT):
            self._ask([f"known-{number}" for number in range(first, min(count, first + RESIDENT))])
        resident = self._worker.metrics()["tidemark_adapters_resident"]
        print(f"a request for each of {count} adapters: {time.monotonic() - begin:.1f} s", flush=True)
        self._print(f"{resident:.0f} in memory, of {each:,} bytes each")
        require(resident <= RESIDENT, f"{resident:.0f} adapters are in memory, not {RESIDENT}")
        return {"start_seconds": seconds, "resident": resident}

    def _await_ready(self, count):
        def ready():
            metrics = self._worker.metrics()
            return sum(metrics.get(f'tidemark_adapters{{state="{state}"}}', 0) for state in ("ready", "loaded")) >= count
        self._service.wait(ready, f"not all of {count} adapters are ready", 300)

    def _print(self, when):
        print(f"{when}: {sizes(self._worker.sample())}", flush=True)


def growth(samples):
    """What is not flat. Compares the smallest sizes of each third of the day, because a heap grows until it is collected."""
    late = [sample for sample in samples if sample["version"] > NAMES]
    used = late if len(late) > 2 else samples[int(len(samples) * BEGIN):]
    third = max(1, len(used) // 3)
    thirds = {"beginning": used[:third], "middle": used[third:2 * third] or used, "end": used[-third:]}
    lows = {name: {size: min(sample[size] for sample in part) for size in GROWTH} for name, part in thirds.items()}
    for name, low in lows.items():
        print(f"{name} of the day: {sizes(low)}", flush=True)
    judged = [size for size in GROWTH if size != "metrics" or used is late]
    return [f"{size} is not flat: {lows['middle'][size]:,.0f} in the middle, {lows['end'][size]:,.0f} at the end"
            for size in judged if lows["end"][size] > lows["middle"][size] * 1.1 + GROWTH[size]]


def sizes(sample):
    return ", ".join(f"{name} {sample[name]:,.0f}" if name == "metrics" else f"{name} {sample[name] / 2 ** 20:.1f} MiB"
                     for name in GROWTH)


def folder_bytes(folder):
    """The sizes of all files below a folder, which others may remove meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--versions", type=int, default=1440, help="versions of the day (default %(default)s)")
    parser.add_argument("--known", type=int, metavar="ADAPTERS", help="in place of the day: so many adapters that are known")
    parser.add_argument("--heap", default=IMAGE_HEAP, help="maximum heap of the worker (default %(default)s, as in the image)")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6))
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    program = ProgramRun("trainer", options)
    print(f"logs in {program.folder}", flush=True)
    report = program.carry_out(Day)
    print("\nverifier: " + summary(report["verifier"]))
    for failure in report["failures"]:
        print(f"FAILURE: {failure}")
    return program.end(report["failures"] or not report["verifier"]["ok"], report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
