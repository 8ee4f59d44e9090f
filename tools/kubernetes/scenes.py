#!/usr/bin/env python3
"""Plays what only kubelets do to the pods of k8s/, under load, and counts the results.

    tools/kubernetes/cluster.py up
    pip install -r tools/delivery/requirements.txt
    python tools/kubernetes/scenes.py                        # all scenes, 30 minutes
    python tools/kubernetes/scenes.py --scenes rolling,drain --json scenes.json

After each scene, tools/delivery/verify.py reads all topics from their beginning. Exit code 1: a request has no result or
several, a result is wrong or an error, or a statement of a scene does not hold.
"""
import argparse
import hashlib
import json
import math
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "delivery"))

from confluent_kafka import KafkaException

from installation import CALIBRATOR, NAMESPACE, WORKER, Installation, is_ready, last_end, name_of, restarts_of
from cluster import NETWORK, Cluster
from images import PROMETHEUS, models_image, rclone_image, s3mock_image
from pauses import Journal, longest_without_result
from programs import KUBERNETES_FOLDER, Failure, program
from programs import run as command
from traffic import BatchReader, BatchSender, RequestSender, ResultReader
from verify import ALL, Topics, Unverifiable, run_verifier
from workers import HANG_MARKER, MODEL, longer_model, planted_jar
from workload import Batches, Record, StreamingRequests, encode

BROKERS = ",".join(f"{NETWORK}.128.2{number}:9092" for number in range(3))
TOPIC, RESULTS, EVENTS = "generation-requests", "generation-results", "generation-events"
ADAPTERS = sorted(folder.name for folder in (MODEL / "adapters").iterdir() if folder.is_dir())
LAYERS, POSITIONS, LONG_TOKENS = 6, 8192, 1200
RATE = 3                # requests a second
SETTLE_SECONDS = 240    # the longest time from the end of a scene's load to its last result
CLAIM = ["models/pvc"]


class Pace:
    """Independent arrivals at a rate that may change. `__call__` is for one thread."""

    def __init__(self, chance):
        self._random = chance
        self._next = 0.0
        self.rate = 0.0

    def __call__(self, open_requests):
        now, due = time.monotonic(), 0
        if not self.rate:
            self._next = now
        while self.rate and self._next <= now:
            self._next += self._random.expovariate(self.rate)
            due += 1
        return due


def planted_crashes(cluster):
    """The file with the ids of all requests of a cluster that may be worker_crashed, one a line."""
    return cluster.folder / "planted-crashes"


def verify(cluster, *options):
    """The report of the verifier about all records of a cluster."""
    planted_crashes(cluster).touch()
    return run_verifier(BROKERS, "--requests", TOPIC, "--events", EVENTS, "--planted-crashes", str(planted_crashes(cluster)),
                        "--wait", "60", *options)


class Run:
    """The load of all scenes, and what they found."""

    def __init__(self, cluster, folder, seed):
        self.cluster = cluster
        self.folder = folder
        self.models = cluster.folder / "models"   # of the claim
        self.installation = Installation(cluster, folder)
        self.journal = Journal()
        self.pace = Pace(random.Random(f"{seed}-arrivals"))
        self.requests = StreamingRequests(random.Random(f"{seed}-requests"), "base", ADAPTERS, LAYERS, TOPIC, LONG_TOKENS)
        self.batches = Batches(random.Random(f"{seed}-batches"), ADAPTERS)
        self.batch_random = random.Random(f"{seed}-batch-times")
        self.sender = self._reader = None
        self.planted = []      # ids of requests that may be worker_crashed
        self.rows = []
        self.facts = []        # of the current scene
        self.failures = []

    def start_load(self):
        """Begins the traffic, at no rate. The topics must exist."""
        self.sender = RequestSender(BROKERS, self.requests, self.journal, self.pace)
        self._reader = ResultReader(BROKERS, [RESULTS], self.journal)
        self.sender.start()
        self._reader.start()

    def end(self):
        if self.sender:
            self.sender.end()
            self._reader.end()

    def play(self, name, scene):
        self.facts = []
        begin = time.monotonic()
        print(f"\n=== {name}: {scene.__doc__.splitlines()[0]}", flush=True)
        try:
            scene(self)
        except Failure as e:
            self.require(False, str(e))
        self.pace.rate = 0
        self.settle()
        end = time.monotonic()
        report = self._verify()
        entries = self.journal.entries()
        ended = [entry for entry in entries if entry.answered and begin <= entry.answered <= end]
        waits = [entry.wait for entry in ended if entry.kind != "long"]
        row = {"scene": name, "seconds": round(end - begin), "requests": sum(begin <= entry.sent <= end for entry in entries),
               "results": len(ended), "lost": report["findings"]["missing"]["count"],
               "twice": report["findings"]["repeated"]["count"],
               "wrong": sum(each["count"] for kind, each in report["findings"].items() if kind not in ("missing", "repeated")),
               "errors": sum(entry.error is not None for entry in ended),
               "gap": round(longest_without_result([entry for entry in entries if entry.kind != "long"], begin, end), 1),
               "longest_wait": round(max(waits, default=0), 1), "facts": self.facts}
        self.rows.append(row)
        if row["gap"] > GAPS.get(name, math.inf):
            self.failures.append(f"{name}: no result for {row['gap']} s, and at most {GAPS[name]} s are allowed")
        if not report["ok"]:
            self.failures.append(f"{name}: the verifier found something: " + "; ".join(
                f"{each['count']} {each['what']} {each['first'][:2]}" for each in report["findings"].values() if each["count"]))
        print(f"{row['results']} results of {row['requests']} requests, {row['lost']} lost, {row['twice']} twice, "
              f"{row['wrong']} wrong, {row['errors']} errors; longest time without a result {row['gap']} s, "
              f"longest wait {row['longest_wait']} s; {row['seconds']} s", flush=True)

    def _verify(self):
        with planted_crashes(self.cluster).open("a") as planted:
            planted.write("".join(f"{each}\n" for each in self.planted))
        return verify(self.cluster, "--validation-batches", "validation-batches")

    def say(self, fact):
        self.facts.append(fact)
        print(fact, flush=True)

    def require(self, holds, fact):
        self.say(fact if holds else f"NOT SO: {fact}")
        if not holds:
            self.failures.append(fact)

    def load(self, rate=RATE, seconds=5):
        """Sends at a rate, and returns after some seconds."""
        self.pace.rate = rate
        time.sleep(seconds)

    def settle(self):
        """Until all requests have a result."""
        if self.sender:
            self.installation.until(lambda: not self.journal.open(), f"requests have no result: {self.journal.some_open()}",
                                    SETTLE_SECONDS)

    def flood(self, number):
        """A request with a large prompt, or with many long choices."""
        large = {"prompt": "the inn " * 900, "max_tokens": 200} if number % 12 else {"prompt": "the inn", "max_tokens": 2000, "n": 4}
        value = {"id": f"flood-{number}-{len(self.rows)}", "model": ADAPTERS[number % len(ADAPTERS)], "ignore_eos": True, **large}
        return Record(TOPIC, encode(value), kind="long", id=value["id"])

    def attempts(self, prefix):
        """The attempts of each request whose id begins so, from all events. Each takeover has a larger number."""
        topics = Topics({"bootstrap.servers": BROKERS}, [EVENTS])
        try:
            ends, attempts = topics.ends(ALL), {}
            while topics.unread(ends):
                for message in topics.read(0.5):
                    value = json.loads(message.value())
                    if value["id"].startswith(prefix):
                        attempts.setdefault(value["id"], set()).add(value["attempt"])
            return attempts
        finally:
            topics.close()

    def workers(self, count, **options):
        """Workers with the model of the claim, ready, without load."""
        self.installation.deploy(components=CLAIM, settings={"TIDEMARK_MODEL_NAME": "base", **options.pop("settings", {})}, **options)
        self.installation.scale(count)
        self.installation.await_rollout()


# --- scenes -----------------------------------------------------------------------------------------------------------

def start(run):
    """The base, with the model of the image tidemark-demo, and requests as the documentation sends them."""
    begin = time.monotonic()
    run.installation.deploy()
    run.installation.await_rollout()
    run.say(f"worker and calibrator ready {time.monotonic() - begin:.0f} s after `kubectl apply`")
    for adapter in ("describe", "extract"):
        answer = run.installation.kubectl(
            "exec", f"deployment/{CALIBRATOR}", "-c", "tidemark", "--", "/opt/tidemark/bin/tidemark", "send", "--adapter", adapter,
            "--max-tokens", "32", "--prompt", "name[The Eagle], area[riverside]")
        run.require(bool(answer.stdout.strip()), f"`tidemark send` in the calibrator's pod gets an answer of '{adapter}'")
    pod = run.installation.workers()[0]
    status = run.installation.execute(pod, "cat", "/proc/1/status").stdout
    run.require("Uid:\t10001\t10001" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status
                and "Seccomp:\t2" in status, "the process is user 10001, without capabilities, with a seccomp filter")
    refused = run.installation.execute(pod, "touch", "/opt/tidemark/file", check=False)
    run.require("Read-only file system" in refused.stderr, "its root file system is read-only")
    token = run.installation.execute(pod, "ls", "/var/run/secrets/kubernetes.io", check=False)
    run.require(token.returncode != 0, "it has no token of the Kubernetes API")


def claim(run):
    """The model from a volume claim."""
    shutil.rmtree(run.models, ignore_errors=True)
    longer_model(run.models, POSITIONS).rename(run.models / "base")
    (run.models / "base/adapters").rename(run.models / "adapters")
    run.cluster.apply("models.yaml", "--namespace", NAMESPACE, path=run.models)
    run.workers(2)
    run.start_load()
    run.load(seconds=20)
    nodes = {pod["spec"]["nodeName"] for pod in run.installation.pods("worker")}
    run.say(f"two workers on {len(nodes)} nodes read one claim")


def rolling(run):
    """A rolling update of three workers."""
    run.workers(3)
    run.load()
    run.installation.kubectl("rollout", "restart", f"deployment/{WORKER}")
    run.installation.await_rollout(WORKER)


def settings(run):
    """A changed setting, which replaces all pods."""
    run.workers(2)
    before = {name_of(pod) for pod in run.installation.pods()}
    run.load()
    run.installation.deploy(components=CLAIM, settings={"TIDEMARK_MODEL_NAME": "base", "TIDEMARK_CALIBRATOR_OBJECTIVE": "latency"})
    run.installation.await_rollout()
    after = {name_of(pod) for pod in run.installation.pods()}
    run.require(not before & after, f"a new hash of the ConfigMap replaces all {len(before)} pods")


def calibrators(run):
    """A rolling update and a forced deletion of calibrators while they sweep."""
    run.workers(1)
    run.installation.scale(2, CALIBRATOR)
    run.installation.await_rollout(CALIBRATOR)
    sender, reader = BatchSender(BROKERS, run.batches, run.batch_random, 0.5), BatchReader(BROKERS)
    sender.start()
    reader.start()
    try:
        run.load(rate=1)
        run.installation.kubectl("rollout", "restart", f"deployment/{CALIBRATOR}")
        run.installation.await_rollout(CALIBRATOR)
        victim = name_of(run.installation.pods("calibrator")[0])
        run.installation.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
        run.installation.await_rollout(CALIBRATOR)
        time.sleep(5)
        sender.end()
        run.installation.until(lambda: not reader.open(), "validation batches are neither counted nor refused")
    finally:
        sender.end()
        reader.end()
    run.say(f"{sum(sender.counts.values())} batches ({sender.counts}), each counted once or refused")
    run.installation.scale(1, CALIBRATOR)


def force(run):
    """A worker is deleted by force."""
    run.workers(3)
    run.load()
    victim = run.installation.workers()[0]
    run.installation.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
    time.sleep(20)
    run.installation.await_rollout(WORKER)


def drain(run):
    """A node with a broker and two of three workers is drained, within the disruption budget."""
    brokers = json.loads(run.installation.kubectl("get", "pods", "--selector", "app=kafka", "-o", "json").stdout)["items"]
    # the fewer, so that the other brokers are a majority
    node, other = sorted({pod["spec"]["nodeName"] for pod in brokers}, key=[pod["spec"]["nodeName"] for pod in brokers].count)
    run.workers(0)
    run.cluster.kubectl("cordon", other)
    try:
        run.installation.scale(2)
        run.installation.await_rollout(WORKER)
    finally:
        run.cluster.kubectl("uncordon", other)
    run.installation.scale(3)
    run.installation.await_rollout(WORKER)
    nodes = sorted(pod["spec"]["nodeName"] for pod in run.installation.pods("worker"))
    run.require(nodes == sorted((node, node, other)), f"the scheduler spreads workers over nodes: {nodes}")
    run.load()
    fewest = 3
    drained = run.cluster.kubectl_process("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
    while drained.poll() is None:
        fewest = min(fewest, len(run.installation.workers()))
        time.sleep(0.5)
    try:
        output = drained.communicate()[0]
        run.require(drained.returncode == 0, f"{node}, which had two workers and a broker, is drained"
                    + ("" if drained.returncode == 0 else f": {output}"))
        run.require(fewest >= 2, f"at least {fewest} of 3 workers were ready at any time")
        run.installation.await_rollout(WORKER)
        run.load(seconds=10)
    finally:
        run.cluster.kubectl("uncordon", node)
    run.cluster.wait_for_pods()


def hang(run):
    """A step of the engine that does not end."""
    planted_jar(run.models, "/models")
    run.workers(2, settings={"TIDEMARK_ENGINE_STEP_LIMIT": "10S"}, worker={"containers": [{
        "name": "tidemark", "env": [{"name": "JAVA_OPTS", "value": "-Xmx512m -Xbootclasspath/a:/models/planted.jar"}]}]})
    run.load()
    record = run.requests.marked("hang", HANG_MARKER * 5)
    run.planted.append(record.id)
    run.sender.send_next(record)
    begin = time.monotonic()
    run.installation.until(lambda: run.journal.counts()["sent"].get("hang"), "the request was not sent")
    run.installation.until(lambda: not run.journal.open("hang"), "the request that hangs has no result", 600)
    run.say(f"the request that hangs has a result after {time.monotonic() - begin:.0f} s")
    entries = [entry for entry in run.journal.entries() if entry.kind == "hang"]
    run.require([entry.error for entry in entries] == ["worker_crashed"], "it has the error worker_crashed")

    def restarts():
        return sum(restarts_of(pod) for pod in run.installation.pods("worker"))

    run.installation.until(lambda: restarts() >= 4, "there is no fourth restart")   # the kubelet delays it
    ends = {last_end(pod) for pod in run.installation.pods("worker")} - {None}
    run.require(restarts() == 4 and ends == {("Error", 1)}, f"the kubelets restarted containers {restarts()} times: {ends}")


def frozen(run):
    """A process that is stopped, so that it answers no liveness probe."""
    run.workers(2)
    run.load()
    pod = run.installation.pods("worker")[0]
    begin = time.monotonic()
    run.cluster.signal_pod(pod["metadata"]["uid"], "STOP")
    run.installation.until(lambda: sum(restarts_of(each) for each in run.installation.pods("worker")), "the kubelet does not kill it")
    run.say(f"the kubelet has restarted it after {time.monotonic() - begin:.0f} s")
    run.installation.await_rollout(WORKER)


def kafka_down(run):
    """All brokers end, and come back."""
    run.workers(2)
    run.load()
    run.pace.rate = 0
    run.installation.kubectl("scale", "statefulset/kafka", "--replicas=0")
    begin = time.monotonic()
    run.installation.until(lambda: not run.installation.workers(), "workers are ready without Kafka")
    run.say(f"no worker is ready {time.monotonic() - begin:.0f} s after the brokers were told to end")
    time.sleep(60)
    run.installation.kubectl("scale", "statefulset/kafka", "--replicas=3")
    begin = time.monotonic()
    run.installation.until(lambda: len(run.installation.workers()) == 2, "workers are not ready")
    run.say(f"all are ready {time.monotonic() - begin:.0f} s after the brokers were started")
    run.require(not sum(restarts_of(pod) for pod in run.installation.pods()), "no container was restarted")
    run.load(seconds=10)


def long_answers(run):
    """SIGTERM while long answers run, with a longer grace."""
    grace = {"settings": {"TIDEMARK_WORKER_SHUTDOWN_GRACE": "5M"}, "worker": {"terminationGracePeriodSeconds": 345}}
    run.workers(2, **grace)
    count, prefix = 12, f"long-answer-{time.time():.0f}-"   # an earlier run may have used the topics
    for number in range(count):
        run.sender.send_next(Record(TOPIC, encode({
            "id": f"{prefix}{number}", "model": "base", "prompt": "the inn", "max_tokens": 4000, "ignore_eos": True,
            "stream": True}), kind="long", id=f"{prefix}{number}"))
    run.installation.until(lambda: run.journal.open("long") == count, "not all were sent")
    time.sleep(3)
    pods = [name_of(pod) for pod in run.installation.pods("worker")]
    begin = time.monotonic()
    run.require(run.journal.open("long") > 0, f"{run.journal.open('long')} answers of 4,000 tokens run")
    run.installation.kubectl("delete", "pod", *pods)   # returns when they have ended
    seconds = time.monotonic() - begin
    run.settle()
    attempts = run.attempts(prefix)
    run.require(len(attempts) == count and all(len(each) == 1 for each in attempts.values()),
                f"all {count} ended in the worker that began them; the pods had ended {seconds:.0f} s after SIGTERM")


def temporary_files(run):
    """A worker that fills its /tmp."""
    run.workers(2)
    run.load()
    pod = run.installation.pods("worker")[0]
    run.installation.execute(name_of(pod), "sh", "-c", "head -c 300M /dev/zero >/tmp/file")
    run.installation.until(lambda: any(each["status"].get("reason") == "Evicted" for each in run.installation.pods("worker")),
                           "the pod is not evicted")
    run.say("the kubelet evicts a pod whose /tmp exceeds 256Mi")
    run.installation.await_rollout(WORKER)
    run.installation.kubectl("delete", "pods", "--field-selector", "status.phase=Failed")


def processors(run):
    """CPU requests without limits, and a limit that throttles."""
    for limit, request in ((None, "400m"), ("500m", "400m"), ("250m", "250m")):
        limits = {"resources": {"limits": {"cpu": limit}, "requests": {"cpu": request}}} if limit else {}
        begin = time.monotonic()
        run.workers(1, worker={"containers": [{"name": "tidemark", **limits}]})
        ready, count = time.monotonic() - begin, 60
        before = run.journal.counts()["answered"]
        begin = time.monotonic()
        for number in range(count):
            run.sender.send_next(Record(TOPIC, encode({
                "id": f"cpu-{limit}-{number}", "model": ADAPTERS[number % len(ADAPTERS)], "prompt": "the area of a friend",
                "max_tokens": 200, "ignore_eos": True}), kind="request", id=f"cpu-{limit}-{number}"))
        run.installation.until(lambda: run.journal.counts()["answered"] - before >= count, "requests have no result", 300)
        pods = run.installation.pods("worker")
        run.require(not sum(restarts_of(pod) for pod in pods) and all(map(is_ready, pods)),
                    f"limit {limit or 'none'}: ready after {ready:.0f} s, {200 * count / (time.monotonic() - begin):.0f} tokens per "
                    "second, ready and without a restart at the end")


def memory(run):
    """Floods below memory limits of 4Gi and 2Gi."""
    for limit in ("4Gi", "2Gi"):
        run.workers(1, worker={"containers": [{"name": "tidemark", "resources": {"limits": {"memory": limit}}}]})
        pod = run.installation.pods("worker")[0]
        for number in range(600):
            run.sender.send_next(run.requests.next() if number % 6 else run.flood(number))
        run.installation.until(lambda: run.journal.counts()["sent"], "nothing was sent")
        time.sleep(30)
        run.settle()
        pods = run.installation.pods("worker")
        ends = [last_end(each) for each in pods]
        run.require(name_of(pods[0]) == name_of(pod) and not restarts_of(pods[0]),
                    f"limit {limit}: no restart, at most {run.cluster.peak_memory(pod['metadata']['uid']) / 2**20:.0f} MiB used {ends[0] or ''}")


def object_storage(run):
    """The model from object storage, which an init container copies."""
    folder, address = run.models, f"{NETWORK}.128.30:9090"
    run.cluster.load(rclone_image(run.cluster.programs), s3mock_image(run.cluster.programs))
    run.cluster.apply("s3mock.yaml", "--namespace", NAMESPACE, network=NETWORK)
    run.installation.kubectl("wait", "--for=condition=Ready", "--timeout=120s", "pod/s3mock")
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any"}
    variables = {f"RCLONE_CONFIG_MODELS_{name}": value for name, value in remote.items()}
    command([program(run.cluster.programs, "rclone"), "copy", folder, "models:models/scenes", "--include", "{base,adapters}/**"],
            # rclone 1.60 fails if a bundle of certificates is set
            env={**{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}, **variables,
                 "RCLONE_CONFIG_MODELS_ENDPOINT": f"http://{address}"})
    files = sorted(file.relative_to(folder) for part in ("base", "adapters") for file in (folder / part).rglob("*") if file.is_file())
    sums = "".join(f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files)

    def deploy(text):
        (run.folder / "deploy").mkdir(exist_ok=True)
        (run.folder / "deploy/SHA256SUMS").write_text(text)
        run.installation.deploy(components=["models/object-storage"], settings={"TIDEMARK_MODEL_NAME": "base"}, generators=[
            {"name": "tidemark-model-source", "literals": ["MODEL_SOURCE=models:models/scenes", *(
                f"{name}={value}" for name, value in variables.items()), "RCLONE_CONFIG_MODELS_ENDPOINT=http://s3mock:9090"]},
            {"name": "tidemark-model-digests", "files": ["SHA256SUMS"]}])

    deploy(sums)
    run.installation.scale(2)
    run.installation.await_rollout()
    run.load(seconds=10)
    run.say(f"{len(files)} files were copied and have their digests")
    deploy(sums.replace(sums[:8], "0" * 8, 1))
    run.installation.until(lambda: any(each["restartCount"] for pod in run.installation.pods("worker")
                                       for each in pod["status"].get("initContainerStatuses", ())), "the init container does not fail")
    run.require(len(run.installation.workers()) == 2, "with another digest, new pods do not start and both workers go on")
    run.load(seconds=5)
    deploy(sums)
    run.installation.await_rollout()
    run.installation.kubectl("delete", "pod/s3mock", "service/s3mock")


def image_volume(run):
    """The model from an OCI image that the kubelet mounts."""
    run.cluster.load(models_image(run.cluster.programs, run.models))
    patch = {"volumes": [{"name": "models", "image": {"reference": "tidemark-models:1"}}]}
    run.installation.deploy(components=["models/image"], settings={"TIDEMARK_MODEL_NAME": "base"}, worker=patch, calibrator=patch)
    run.installation.scale(2)
    run.installation.await_rollout()
    run.load(seconds=10)


def network(run):
    """The network policy admits connections to the health checks and metrics only."""
    # a second port that listens
    listener = {"name": "listener", "image": PROMETHEUS, "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                "args": ["--web.listen-address=:9999", "--config.file=/dev/null", "--storage.tsdb.path=/tmp/listener"],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    run.workers(1, worker={"containers": [{"name": "tidemark"}, listener]})
    run.load(seconds=2)
    pod = run.installation.pods("worker")[0]
    run.cluster.apply("client.yaml", "--namespace", NAMESPACE)
    run.installation.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/client")

    def connects(port):
        return run.installation.kubectl("exec", "client", "--", "timeout", "3", "bash", "-c",
                                        f"echo >/dev/tcp/{pod['status']['podIP']}/{port}", check=False).returncode == 0

    run.require(connects(8080) and not connects(9999), "another pod can connect to port 8080 of a worker, and not to port 9999")
    run.installation.kubectl("delete", "networkpolicy/tidemark")
    run.installation.until(lambda: connects(9999), "without the policy, it cannot connect to port 9999 either", 60)
    run.say("without the policy, it can connect to both")
    run.installation.kubectl("delete", "pod/client", "--force", "--grace-period=0")


SCENES = {"start": start, "claim": claim, "rolling": rolling, "settings": settings, "calibrators": calibrators, "force": force,
          "drain": drain, "hang": hang, "frozen": frozen, "long-answers": long_answers, "memory": memory, "processors": processors,
          "temporary-files": temporary_files, "object-storage": object_storage, "image-volume": image_volume, "network": network,
          "kafka-down": kafka_down}
# the claim has the model of most scenes
FIRST = ("start", "claim")
# the longest time without a result while a request waits, in seconds; a worker needs more than 10 s to start
GAPS = {"rolling": 10, "settings": 10, "force": 15, "drain": 30}


def main():
    def names(value):
        chosen = value.split(",")
        if unknown := set(chosen) - set(SCENES):
            raise argparse.ArgumentTypeError(f"no scenes {sorted(unknown)}; there are {', '.join(SCENES)}")
        return chosen

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=names, default=list(SCENES), help="comma-separated; %(default)s")
    parser.add_argument("--programs", type=Path, default=KUBERNETES_FOLDER, help="of cluster.py (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6), help="of the records; by default a random one")
    parser.add_argument("--json", type=Path, help="file for the report")
    options = parser.parse_args()
    cluster = Cluster(options.programs.resolve())
    print(f"seed {options.seed}")
    # below the cluster's folder, which the nodes see
    with tempfile.TemporaryDirectory(dir=cluster.folder) as folder:
        run = Run(cluster, Path(folder), options.seed)
        try:
            for name in dict.fromkeys((*FIRST, *options.scenes)):
                run.play(name, SCENES[name])
        except (Failure, Unverifiable, KafkaException) as e:
            run.failures.append(f"the run ended early: {e}")
        finally:
            run.end()
    if options.json:
        options.json.write_text(json.dumps({"seed": options.seed, "scenes": run.rows, "failures": run.failures}, indent=1))
    print("\n" + "\n".join(f"FAILED: {failure}" for failure in run.failures) if run.failures else "\nnothing is wrong")
    sys.exit(bool(run.failures))


if __name__ == "__main__":
    main()
