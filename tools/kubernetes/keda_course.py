#!/usr/bin/env python3
"""Has KEDA scale the workers of k8s/overlays/cpu from 0 to the maximum and back, and records the course.

    tools/kubernetes/cluster.py up
    pip install -r tools/delivery/requirements.txt
    python tools/kubernetes/keda_course.py --json course.json     # 25 minutes

One request starts the first worker. Then requests arrive at a low rate, at a rate that rises until requests wait and then
stays, and at a low rate again. Every two seconds, the replicas and the series of the rules are recorded. picture.py draws
the course. At the end, tools/delivery/verify.py reads all topics. Exit code 1: a request has no result or several, a result is wrong or an error, or the workers do not go to the
maximum and back to 0.
"""
import argparse
import json
import platform
import random
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "delivery"))

from cluster import Cluster
from installation import NAMESPACE, WORKER, Installation, condition_time
from pauses import Journal
from programs import KUBERNETES_FOLDER, Failure
from scenes import BROKERS, RESULTS, TOPIC, Pace, verify
from traffic import RequestSender, ResultReader
from workload import StreamingRequests

ADAPTERS, LAYERS = ["describe", "describe-small-data", "extract"], 8
MAXIMUM = 4             # of k8s/components/keda
SAMPLE_SECONDS = 2
QUIET_SECONDS, QUIET_RATE = 60, 4      # before and after the burst, requests per second
BURST_SECONDS, BURST_RATE = 150, 45    # at least
SATURATED = 200         # open requests that one worker can't run at once
RAISE, RAISE_SECONDS, RAISES = 1.25, 15, 12
SERIES = {"work_seconds": "tidemark:work_seconds", "load_workers": "tidemark:load_workers",
          "tokens_per_second": "tidemark:tokens_per_second", "workers": "tidemark:workers"}


class Course:
    """One run. Everything but the traffic and the samples happens on the thread that calls `run`."""

    def __init__(self, cluster, folder, seed):
        self.installation = Installation(cluster, folder)
        self._cluster = cluster
        self.journal = Journal()
        self._pace = Pace(random.Random(f"{seed}-arrivals"))
        self._requests = StreamingRequests(random.Random(f"{seed}-requests"), "base", ADAPTERS, LAYERS, TOPIC, 400)
        self._begin = None
        self._ended = threading.Event()
        self.samples = []
        self.rates = []

    def run(self):
        """Returns the report."""
        self.installation.kubectl("delete", "deployment", "--ignore-not-found", "--selector", "app.kubernetes.io/part-of=tidemark")
        self.installation.kubectl("delete", "--ignore-not-found", "scaledobject", WORKER)
        self.installation.deploy("../k8s/overlays/cpu")
        self.installation.kubectl("wait", "--for=condition=Ready", f"scaledobject/{WORKER}", "--timeout=120s")
        self.installation.await_rollout(WORKER)   # a Deployment begins with one replica, which creates the topics
        self.installation.until(lambda: self.replicas() == 0 and not self.installation.pods("worker"), "KEDA keeps a worker", 600)
        sender = RequestSender(BROKERS, self._requests, self.journal, self._pace)
        reader = ResultReader(BROKERS, [RESULTS], self.journal)
        sender.start()
        reader.start()
        self._begin = time.time()
        sampler = threading.Thread(target=self._sample, name="samples", daemon=True)
        sampler.start()
        try:
            sender.send_next(self._requests.next())
            cold = self._first_answer()
            self._arrive(QUIET_RATE, QUIET_SECONDS)
            self._arrive(self._saturating_rate(), BURST_SECONDS)
            self._arrive(QUIET_RATE, QUIET_SECONDS)
            self._arrive(0, 0)
            self.installation.until(lambda: not self.journal.open(), "requests have no result", 600)
            last = self.now()
            self.installation.until(lambda: self.replicas() == 0, "KEDA keeps a worker", 900)
            to_zero = self.now() - last
            time.sleep(20)
        finally:
            self._ended.set()
            sampler.join()
            sender.end()
            reader.end()
            self.installation.kubectl("delete", "scaledobject", WORKER)   # scenes.py sets the number of workers
        verifier = verify(self._cluster)
        wall = self._begin - time.time() + time.monotonic()
        entries = [(entry.sent - wall, entry.answered and entry.answered - wall) for entry in self.journal.entries()]
        # not those of the journal's counts, which include earlier requests of the topic
        errors = Counter(entry.error for entry in self.journal.entries() if entry.error)
        return {"date": datetime.now().strftime("%Y-%m-%d"), "machine": machine(), "cold_start": cold,
                "rates": self.rates, "samples": self.samples, "requests": entries, "errors": errors,
                "to_zero_seconds": to_zero, "verifier": {kind: each["count"] for kind, each in verifier["findings"].items()},
                "ok": verifier["ok"], **self._figures(entries)}

    def _arrive(self, rate, seconds):
        self._pace.rate = rate
        self.rates.append((self.now(), rate))
        time.sleep(seconds)

    def _saturating_rate(self):
        """Requests per second, raised until they wait: a fast processor needs more of them."""
        rate = BURST_RATE
        for _ in range(RAISES):
            self._arrive(rate, RAISE_SECONDS)
            if self.journal.counts()["open"] >= SATURATED:
                return rate
            rate *= RAISE
        raise Failure(f"{rate / RAISE:.0f} requests per second do not saturate a worker")

    def now(self):
        return time.time() - self._begin

    def replicas(self):
        return json.loads(self.installation.kubectl("get", f"deployment/{WORKER}", "-o", "json").stdout)["spec"]["replicas"]

    def _first_answer(self):
        """The times of a cold start, in seconds from the record."""
        at = {}

        def progress():
            if "replicas" not in at and self.replicas():
                at["replicas"] = self.now()
            counts = self.journal.counts()   # results of earlier requests are answers, too
            return counts["sent"] and not counts["open"]

        self.installation.until(progress, "the first request has no result", 300, 0.2)
        at["answer"] = self.now()
        pod = self.installation.pods("worker")[0]
        init, container = pod["status"]["initContainerStatuses"][0], pod["status"]["containerStatuses"][0]
        times = {"scheduled": condition_time(pod, "PodScheduled"), "init_started": init["state"]["terminated"]["startedAt"],
                 "init_ended": init["state"]["terminated"]["finishedAt"], "started": container["state"]["running"]["startedAt"],
                 "ready": condition_time(pod, "Ready")}
        at.update({name: datetime.fromisoformat(text).timestamp() - self._begin for name, text in times.items() if text})
        log = self.installation.kubectl("logs", pod["metadata"]["name"], "-c", "tidemark").stdout
        return {"seconds": at, "log": [line for line in log.splitlines() if "loaded model" in line or "started in" in line]}

    def _sample(self):
        while not self._ended.wait(SAMPLE_SECONDS):
            deployment = json.loads(self.installation.kubectl("get", f"deployment/{WORKER}", "-o", "json").stdout)
            counts = self.journal.counts()
            self.samples.append({
                "at": self.now(), "wanted": deployment["spec"]["replicas"], "ready": deployment["status"].get("readyReplicas", 0),
                "open": counts["open"], **{name: self._query(query) for name, query in SERIES.items()}})

    def _query(self, query):
        address = json.loads(self._cluster.kubectl("get", "pods", "--namespace", "monitoring", "-o", "json", "--selector",
                                                   "app.kubernetes.io/name=prometheus").stdout)["items"][0]["status"]["podIP"]
        url = f"http://{address}:9090/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def _figures(self, entries):
        """What the simulation states, too."""
        waits = sorted(answered - sent for sent, answered in entries if answered is not None)
        steps = [(earlier["wanted"], later["wanted"]) for earlier, later in zip(self.samples, self.samples[1:])]
        return {"waits": {"median": waits[len(waits) // 2], "p99": waits[int(0.99 * len(waits))], "longest": waits[-1]},
                "replica_hours": sum((later["at"] - earlier["at"]) * earlier["wanted"]
                                     for earlier, later in zip(self.samples, self.samples[1:])) / 3600,
                "most_replicas": max(each["wanted"] for each in self.samples),
                "out": sum(after > before for before, after in steps), "in": sum(after < before for before, after in steps)}


def machine():
    model = next((line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.machine())
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, default=KUBERNETES_FOLDER, help="of cluster.py (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True, help="file for the course")
    options = parser.parse_args()
    cluster = Cluster(options.programs.resolve())
    with tempfile.TemporaryDirectory(dir=cluster.folder) as folder:
        try:
            report = Course(cluster, Path(folder), options.seed).run()
        except Failure as e:
            sys.exit(f"keda_course: {e}")
    options.json.write_text(json.dumps(report, indent=1))
    cold = report["cold_start"]["seconds"]
    print("cold start: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(cold.items(), key=lambda each: each[1])))
    print(f"at most {report['most_replicas']} workers; {report['out']} changes out and {report['in']} in; {report['replica_hours']:.2f} "
          f"replica-hours; waits {report['waits']}; 0 workers {report['to_zero_seconds']:.0f} s after the last result")
    print(f"{len(report['requests'])} requests, errors: {dict(report['errors'])}; verifier {'found nothing' if report['ok'] else report['verifier']}")
    sys.exit(not (report["ok"] and report["most_replicas"] == MAXIMUM and not report["errors"]))


if __name__ == "__main__":
    main()
