"""Load beside a measured worker: nothing, a busy process, a second worker, a calibrator, or long prompts."""
import contextlib
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness.calibration_feed import Feed, swept
from harness.serving import TICKS

LONG_PROMPT_TOKENS = 2000
# key → the counter and the sum of seconds
FORMAT_TIMES = {key: [f"tidemark_{name}_seconds_{kind}" for kind in ("count", "sum")]
                for key, name in (("masks", "format_masks"), ("tokens", "time_per_token"), ("compilations", "format_compile"))}
FORMAT_WAITS = "tidemark_format_waits_total"


class Deployment:
    """The processes of a variant: its workers and, if a situation needs them, a second group or a calibrator."""

    def __init__(self, variant, serving, load, patience):
        self.variant, self.serving, self.load, self.patience = variant, serving, load, patience
        self.servers = {}  # role → processes: worker, second, calibrator
        self.feed = None

    def prefix(self, role):
        return f"{self.serving.prefix}{self.variant.slug}-{role}-"

    def start(self, role):
        """Starts the processes of a role unless they run. They are ready when `await_ready` returns."""
        if role not in self.servers:
            count = 1 if role == "calibrator" else self.variant.workers
            kind = "calibrator" if role == "calibrator" else "worker"
            self.servers[role] = [self.serving.start(self.variant, kind, self.prefix(role)[:-1]) for _ in range(count)]

    def await_ready(self, role):
        for server in self.servers[role]:
            server.await_ready(self.patience)
        if role != "calibrator":
            self.load.watch(self.prefix(role))

    def end(self, role):
        self.serving.end(self.servers.pop(role))

    def make_feed(self, texts, adapter):
        self.feed = self.feed or Feed(self.serving.address, self.prefix("calibrator"), adapter, texts, self.patience)

    def close(self):
        if self.feed:
            self.feed.close()


class Side:
    """A variant and the processes that serve it, which may also serve variants with other formats."""

    def __init__(self, variant, deployment):
        self.variant, self.deployment = variant, deployment

    def measure(self, roles, cell, seconds, meanwhile=lambda: None, at_begin=lambda: None, at_end=lambda: None, beside_tokens=0):
        """Puts the same load on the workers of each role. Returns a sample with the sums over all roles."""
        clocks = []
        servers = [server for role in roles for server in self.deployment.servers[role]]

        def clock():
            clocks.append(machine_clock(servers))

        def first():
            clock()
            at_begin()

        def last():
            clock()
            at_end()

        def between():
            meanwhile()
            self.deployment.serving.check()

        before = counters(servers)
        answers, (begin, end) = self.deployment.load.run([self.deployment.prefix(role) for role in roles], cell, self.variant.format,
                                                         seconds, between, first, last, beside_tokens)
        increase = {name: value - before[name] for name, value in counters(servers).items()}
        whole = [answer for answer in answers if answer.whole]
        return {"tokens_per_second": sum(answer.tokens_between(begin, end) for answer in answers) / (end - begin),
                "window": round(end - begin, 3),
                "latencies": [round(answer.latency, 4) for answer in whole],
                "per_token": [round(answer.per_token, 5) for answer in whole if answer.per_token is not None],
                "prompt_tokens": sum(answer.prompt_tokens for answer in answers) / len(answers),
                "new_tokens": sum(answer.tokens for answer in whole) / len(whole) if whole else None,
                "formats": formats(increase) if self.variant.format.fields else None,
                "answers_by_worker": Counter(answer.worker for answer in answers), "cores": cores(*clocks)}


def quiet(side, cell, seconds):
    return side.measure(["worker"], cell, seconds)


def busy(side, cell, seconds):
    with busy_process():
        return side.measure(["worker"], cell, seconds)


def two_workers(side, cell, seconds):
    return side.measure(["worker", "second"], cell, seconds)


def calibrator(side, cell, seconds):
    """The calibrator sweeps from before the first request until after the last answer; then its batches are completed."""
    deployment, counts = side.deployment, []
    feed, server = deployment.feed, deployment.servers["calibrator"][0]

    def count():
        counts.append(swept(server))

    feed.begin(server, deployment.serving.check)
    sample = side.measure(["worker"], cell, seconds, feed.refill, count, count)
    feed.stop()
    feed.drain(deployment.serving.check)
    return {**sample, "batches_swept": counts[1] - counts[0]}


def long_prompts(side, cell, seconds):
    return side.measure(["worker"], cell, seconds, beside_tokens=LONG_PROMPT_TOKENS)


# name → function that measures it, and the further roles that it needs
SITUATIONS = {"quiet": (quiet, []), "busy": (busy, []), "two-workers": (two_workers, ["second"]), "calibrator": (calibrator, ["calibrator"]),
              "long-prompts": (long_prompts, [])}


@contextlib.contextmanager
def busy_process():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def machine_clock(programs):
    """Current time, and CPU seconds since the start: of these programs, of all processes, and stolen by the host."""
    user, nice, system, _, _, irq, softirq, steal = (int(word) / TICKS for word in Path("/proc/stat").read_text().split()[1:9])
    return time.monotonic(), sum(program.cpu_seconds() for program in programs), user + nice + system + irq + softirq, steal


def cores(begin, end):
    """Average number of cores used by the workers, used by everything else, and stolen by the host."""
    seconds, workers, everything, steal = (after - before for before, after in zip(begin, end))
    return {"workers": workers / seconds, "others": (everything - workers) / seconds, "steal": steal / seconds}


def counters(servers):
    """The metrics of formats and of the time between tokens, by name: sums over the servers since their start."""
    names = [FORMAT_WAITS, *(name for pair in FORMAT_TIMES.values() for name in pair)]
    scrapes = [server.metrics(names) for server in servers]
    return {name: sum(scrape[name] for scrape in scrapes) for name in names}


def formats(increase):
    """Counts and mean seconds of a measurement, by the increase of the counters from its first request to its last answer.

    masks: the steps with masks, and the time for the masks of all rows of such a step; tokens: the requests, and the mean time
    between two tokens of a request; compilations: the new formats; waits: rows that waited for a later step
    """
    found = {key: {"count": increase[count], "mean": increase[seconds] / increase[count] if increase[count] else None}
             for key, (count, seconds) in FORMAT_TIMES.items()}
    return {**found, "waits": increase[FORMAT_WAITS]}
