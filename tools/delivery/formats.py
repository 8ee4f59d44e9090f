#!/usr/bin/env python3
"""Asks a worker for answers that match a format, and judges each answer with other implementations of the formats.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/formats.py --requests 400 --seed 7

A broker and a worker with the demo's model and adapters answer requests with random formats at temperature 1. Python's
`jsonschema` and `re` judge the answers that have ended. Exit code 1: an answer does not match its format, a format is
refused that should not be or the reverse, too many answers were cut at `max_tokens`, a request has no result or several,
or the run itself failed.
"""
import argparse
import collections
import json
import random
import sys
import time

from broker import Cluster, free_ports
from program_run import ProgramRun
from random_formats import RandomFormats
from traffic import Ledger, RequestSender, ResultReader
from workers import ROOT, START_SECONDS, Launcher, await_condition
from workload import Record, encode

MODEL = ROOT / "demo" / "model"
ADAPTER_FOLDER = ROOT / "demo" / "adapters"
ADAPTERS = sorted(folder.name for folder in ADAPTER_FOLDER.iterdir() if folder.is_dir())
LAYERS = 8
PROMPTS = ROOT / "demo" / "data" / "extract-requests.jsonl"
SCHEMAS = ROOT / "examples" / "structured"
TOPIC, RESULTS = "generation-requests", "generation-results"
OPEN = 24
MAX_TOKENS = 200
MOST_CUT = 0.1        # of the choices: a cut answer is not judged
SILENCE_SECONDS = 60  # without a result


class FormatRequests:
    """A number of requests with a format each, and the formats by the ids of the requests."""

    def __init__(self, chance, count, prompts, given):
        """given: schemas that are used beside the random ones"""
        self._random = chance
        self.count = count
        self._prompts = prompts
        self._formats = RandomFormats(chance, given)
        self.sent = {}

    def pace(self, open_requests):
        return min(OPEN - open_requests, self.count - len(self.sent))

    def next(self):
        r = self._random
        name, form = f"f-{len(self.sent) + 1}", self._formats.next()
        self.sent[name] = form
        model = r.choice([MODEL.name, *ADAPTERS])
        value = {"id": name, "model": model, "prompt": r.choice(self._prompts), "max_tokens": MAX_TOKENS, "temperature": 1,
                 "seed": r.randrange(2 ** 40), **form.fields}
        if r.random() < 0.1:
            value["n"] = 2
        if model != MODEL.name and r.random() < 0.3:
            value["boundary"] = r.randint(0, LAYERS)
        return Record(TOPIC, encode(value), name.encode(), id=name)


class Judge:
    """Compares results with the formats of their requests. A thread at a time uses it."""

    def __init__(self, formats, count):
        """formats: by the ids of the requests; count: how many requests must have a result"""
        self._formats = formats
        self._count = count
        self._judged = set()
        self.valid = collections.Counter()     # choices by the kind of the format
        self.cut = collections.Counter()
        self.refused = collections.Counter()   # requests by the code
        self.errors = collections.Counter()    # other errors by the code
        self.faults = []

    def take(self, result):
        """Judges the result of a request."""
        name = result["id"]
        form = self._formats.get(name)
        if form is None or name in self._judged:
            self.faults.append(f"{name}: {'a second result' if form else 'a result without a request'}")
            return
        self._judged.add(name)
        code = result["error"]["code"] if "error" in result else None
        if code is not None and code == form.error:
            self.refused[code] += 1
        elif code is not None:
            self.errors[code] += 1
            self._fault(name, form, f"the error {code}: {result['error'].get('message')}")
        elif form.error is not None:
            self._fault(name, form, f"an answer instead of the error {form.error}")
        else:
            for choice in result["choices"]:
                self._judge(name, form, choice)

    def _judge(self, name, form, choice):
        reason = choice["finish_reason"]
        if reason == "length":
            self.cut[form.kind] += 1
        elif reason != "stop":
            self._fault(name, form, f"the finish_reason {reason}")
        elif (fault := form.judge(choice["text"])) is not None:
            self._fault(name, form, f"{choice['text']!r}: {fault}")
        else:
            self.valid[form.kind] += 1

    def _fault(self, name, form, what):
        self.faults.append(f"{name} with the format {json.dumps(form.fields, ensure_ascii=False)}: {what}")

    def summary(self):
        """One line of counts."""
        def counts(counter):
            return f"{counter.total()}" + (f" ({', '.join(f'{key} {n}' for key, n in sorted(counter.items()))})" if counter else "")

        return (f"{len(self._judged)} requests; answers that are valid: {counts(self.valid)}; cut at {MAX_TOKENS} tokens: "
                f"{counts(self.cut)}; refused as expected: {counts(self.refused)}; other errors: {counts(self.errors)}; "
                f"faults: {len(self.faults)}")

    def failures(self):
        """What is wrong, as texts."""
        found = list(self.faults)
        answers = self.valid.total() + self.cut.total()
        if self.cut.total() > MOST_CUT * answers:
            found.append(f"{self.cut.total()} of {answers} answers are cut, more than {MOST_CUT:.0%}")
        if len(self._judged) != self._count:
            found.append(f"{len(self._judged)} of {self._count} requests have a result")
        return found


class FormatRun:

    def __init__(self, options, folder):
        self._folder = folder
        prompts = [json.loads(line)["prompt"] for line in PROMPTS.read_text("utf-8").splitlines()]
        given = [json.loads(file.read_text("utf-8")) for file in sorted(SCHEMAS.glob("*.schema.json"))]
        self._requests = FormatRequests(random.Random(options.seed), options.requests, prompts, given)
        self._cluster = Cluster(folder / "brokers")
        self._worker = None

    def run(self):
        """Returns the judge when all requests have a result, or there was none for SILENCE_SECONDS."""
        judge, ledger = Judge(self._requests.sent, self._requests.count), Ledger()
        try:
            self._cluster.start()
            settings = {"TIDEMARK_MODEL_DIR": str(MODEL), "TIDEMARK_ADAPTER_FOLDER": str(ADAPTER_FOLDER), "TIDEMARK_ROLE": "worker"}
            launcher = Launcher(self._folder, self._cluster.workers, settings)
            self._worker = launcher.start("worker", free_ports(1)[0], "worker")
            await_condition(self._worker.is_ready, [self._worker], "the worker is not ready", START_SECONDS)
            reader = ResultReader(self._cluster.clients, [RESULTS], ledger, judge.take)
            sender = RequestSender(self._cluster.clients, self._requests, ledger, self._requests.pace)
            reader.start()
            sender.start()
            await_condition(lambda: ledger.counts()["answered"] == self._requests.count or ledger.seconds_without_result > SILENCE_SECONDS,
                            [self._worker], "not all requests have a result")
            sender.end()
            reader.end()
            judge.faults += sender.failures
            return judge
        finally:
            if self._worker is not None:
                self._worker.kill()
            self._cluster.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=400, help="how many requests (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(2 ** 31), help="of requests and formats (random)")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    if options.requests < 1:
        parser.error("--requests must be positive")
    program = ProgramRun("formats", options)
    begin = time.monotonic()
    judge = program.carry_out(FormatRun)
    failures = judge.failures()
    for failure in failures[:40]:
        print(f"WRONG: {failure}")
    print(f"seed {options.seed}: {judge.summary()}; {time.monotonic() - begin:.0f} s")
    return program.end(failures)


if __name__ == "__main__":
    sys.exit(main())
