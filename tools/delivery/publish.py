#!/usr/bin/env python3
"""Publishes adapters to running workers, as a trainer does, and judges what requests get. Uses no code of the program.

    mvn -q -B -Dmaven.test.skip=true package
    pip install -r tools/delivery/requirements.txt
    python tools/delivery/publish.py                                  # every scene, about two minutes
    python tools/delivery/publish.py --scenes add,replace --s3mock s3mock-5.2.0-exec.jar

A broker, two workers, an object store, a hub and a registry. Requests arrive at a steady rate from the beginning to the end.
Each scene prints a line. At the end `verify.py` reads all topics. Exit code 1: a scene failed, a request of the steady load
has an error, or the verifier found something.
"""
import argparse
import collections
import contextlib
import itertools
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

from program_run import ProgramRun
from records import rendezvous
from service import ADAPTERS, BASE, WAIT_SECONDS, Requests, Results, SceneFailed, Service, require
from stores import BUCKET, CONFIG, PICKLE, WEIGHTS, FileServer, Hub, ObjectStore, Registry, digest_of, read
from traffic import Arrivals, Ledger, RequestSender
from verify import run_verifier, summary
from workers import MODEL, WorkerError

WORKERS = 2
FOLDERS = ["all", "qv"]     # adapters of the settings that the steady load uses
SOURCE = MODEL / "adapters" / "qv"
SIGMAS = 4                  # a deviation that chance exceeds once in 15,000 counts
DOWNLOAD_TIME = "6S"
ADAPTER_BYTES = 4 << 20
CACHE_BYTES = 16 << 20      # of the file system of the cache, if the user may mount one
UNUSABLE = {"unusable": "by intention"}


class Scenes:
    """One run: the scenes, in the order of their names in ALL."""

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._root = folder / "files"
        self._root.mkdir()
        self._random = random.Random(options.seed)
        self._mounted = mount_cache(folder / "cache")
        self._hub, self._registry = Hub(), Registry()
        self._elsewhere = FileServer()
        self._store = None
        self._ledger = Ledger()
        self._requests = Requests(self._random, [BASE, *FOLDERS])
        self._numbers = itertools.count(1)
        self._service = None
        self._results = None
        self._sender = None
        self._failures = []

    def run(self):
        """Returns the report."""
        try:
            self._store = ObjectStore(self._folder, self._options.s3mock)
            self._service = Service(self._folder, self._settings(), WORKERS)
            self._service.start_brokers()
            self._service.start_workers()
            self._results = Results(self._service.brokers, self._ledger)
            self._sender = RequestSender(self._service.brokers, self._requests, self._ledger,
                                         Arrivals(self._random, self._options.rate))
            for thread in (self._results, self._sender):
                thread.start()
            self._results_of([self._send(BASE, "first")])
            lines = [self._scene(name) for name in self._options.scenes]
            self._sender.end()
            self._service.wait(lambda: not self._ledger.open(), "not all requests have a result")
            self._service.stop_workers()
            self._results.end()
            self._service.states.end()
            if errors := self._results.errors("load-"):
                self._failures.append(f"requests of the steady load have errors: {dict(errors)}")
            return {"scenes": lines, "failures": self._failures + self._sender.failures, "requests": self._ledger.counts(),
                    "verifier": self._verify()}
        finally:
            if self._service is not None:
                self._service.kill()
            if self._store is not None:
                self._store.close()
            if self._mounted:
                subprocess.run(["umount", "--lazy", str(self._folder / "cache")], check=False)

    def _settings(self):
        return {"TIDEMARK_MODEL_DIR": str(MODEL), "TIDEMARK_ADAPTER_FOLDER": str(MODEL / "adapters"),
                "TIDEMARK_ENGINE_PROCESSORS": "1", "TIDEMARK_ENGINE_KV_BYTES": "64M",
                "TIDEMARK_SOURCES_FILE_ROOT": str(self._root),
                "TIDEMARK_SOURCES_CACHE_DIR": str(self._folder / "cache"), "TIDEMARK_SOURCES_DOWNLOAD_TIME": DOWNLOAD_TIME,
                "TIDEMARK_SOURCES_ADAPTER_BYTES": str(ADAPTER_BYTES),
                "TIDEMARK_SOURCES_ALLOWED": f"s3://{BUCKET},hf://team,oci://{self._registry.server.address}",
                "TIDEMARK_SOURCES_S3_ENDPOINT": f"http://{self._store.address}", "TIDEMARK_SOURCES_S3_PATH_STYLE": "true",
                "TIDEMARK_SOURCES_HUB_ENDPOINT": f"http://{self._hub.server.address}",
                "TIDEMARK_SOURCES_REGISTRY_PLAIN_HTTP": self._registry.server.address,
                "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}

    def _scene(self, name):
        before, begin = self._ledger.counts(), time.monotonic()
        try:
            line = getattr(self, f"_{name.replace('-', '_')}")()
        except (SceneFailed, WorkerError) as e:
            line = f"FAILED: {e}"
            self._failures.append(f"{name}: {e}")
        beside = self._ledger.counts()["answered"] - before["answered"]
        line = f"{name}: {line} ({beside} results in {time.monotonic() - begin:.1f} s)"
        print(line, flush=True)
        return line

    # what scenes do

    def _files(self):
        """The files of another version."""
        files = read(SOURCE)
        return {**files, CONFIG: files[CONFIG] + b" " * next(self._numbers)}

    def _file_source(self, files):
        name = f"version-{digest_of(files)[:12]}"
        (self._root / name).mkdir()
        for each, body in files.items():
            (self._root / name / each).write_bytes(body)
        return f"file:{name}"

    def _publish_file(self, name):
        """The offset of a record of another version, and its digest."""
        files = self._files()
        offset, _ = self._service.publisher.version(name, self._file_source(files), digest_of(files))
        return offset, digest_of(files)

    def _send(self, model, prefix, **fields):
        record = self._requests.of(model, prefix, **fields)
        self._sender.send_next(record)
        return record.id

    def _results_of(self, ids):
        return self._results.of(ids)

    def _until_first(self, name, digest, prefix):
        """Sends a request about every 50 ms until one has a result of a version. The results of all of them."""
        ids = []
        end = time.monotonic() + WAIT_SECONDS
        while self._results.first(digest) is None:
            if time.monotonic() > end:
                raise SceneFailed(f"no result of '{name}' with the digest {digest[:12]}: {self._service.adapters(name)}")
            ids.append(self._send(name, prefix))
            with contextlib.suppress(SceneFailed):
                self._results.of(ids[-1:], 0.05)
        return self._results_of(ids)

    def _publish_served(self, name):
        offset, digest = self._publish_file(name)
        self._service.wait_served(name, offset)
        return offset, digest

    # scenes

    def _add(self):
        """An adapter of each kind of source."""
        parts = []
        for kind in ("file", "s3", "hf", "oci"):
            files, name = self._files(), f"from-{kind}"
            source = {"file": lambda: self._file_source(files),
                      "s3": lambda: self._store.put("from", files),
                      "hf": lambda: self._hub.put("team/from", files),
                      "oci": lambda: self._registry.put("team/from", files)}[kind]()
            offset, written = self._service.publisher.version(name, source, digest_of(files))
            results = self._until_first(name, digest_of(files), kind)
            wrong = {result["error"] for result in results} - {None, "unknown_adapter"}   # before the record is read
            require(not wrong, f"{name}: {wrong}")
            self._service.wait_served(name, offset)
            self._requests.names.append(name)
            parts.append(f"{kind} {(self._results.first(digest_of(files)) - written) / 1000:.2f} s")
        return "from the record to the first result: " + ", ".join(parts) + f"; s3 is {self._store.name}"

    def _replace(self):
        """A second record of a name: requests get the version before it until the new one is in memory."""
        first, _ = self._publish_served("replaced")
        results = self._results_of([self._send("replaced", "replace") for _ in range(10)])
        ids = [self._send("replaced", "replace") for _ in range(10)]   # beside the record
        second, after = self._publish_file("replaced")
        results += self._results_of(ids) + self._until_first("replaced", after, "replace")
        self._service.wait_served("replaced", second)
        settled = self._results_of([self._send("replaced", "replace") for _ in range(20)])
        counts = collections.Counter(result["error"] or result["adapter_offset"] for result in results)
        require(set(counts) <= {first, second}, f"results of {dict(counts)}, not only of the offsets {first} and {second}")
        require(all(result["adapter_digest"] == after for result in settled),
                "the version before it, although all serve the new one")
        self._requests.names.append("replaced")
        return f"{counts[first]} results of the version before it, {counts[second] + len(settled)} of the new one, no error"

    def _alias(self):
        """An alias with the weights 90 and 10, by the ids of requests."""
        self._need_versions()
        offset, _ = self._service.publisher.alias("extract", {"extract-v1": 90, "extract-v2": 10})
        self._service.wait_served("extract", offset)
        count = self._options.requests
        results = self._results_of([self._send("extract", f"alias-{self._options.seed}") for _ in range(count)])
        require_offset(results, offset)
        second = sum(result["adapter"] == "extract-v2" for result in results)
        sigma = math.sqrt(count * 0.1 * 0.9)
        require(abs(second - count * 0.1) <= SIGMAS * sigma, f"{second} of {count} requests get the version with 10 of 100")
        self._requests.names.append("extract")
        return f"90/10: {count - second} and {second} of {count} requests, {(second - count * 0.1) / sigma:+.1f} sigma"

    def _weights(self):
        """Other weights of an alias move users only to versions whose weight has grown."""
        self._need_versions()
        users = [f"user-{self._options.seed}-{n}" for n in range(self._options.requests)]
        parts = []
        for steps in ([(90, 10, 0), (50, 50, 0)], [(25, 25, 50), (40, 40, 20)]):
            before, after = (self._targets_of(users, dict(zip(VERSIONS, weights))) for weights in steps)
            grown = {target for target, was, now in zip(VERSIONS, *steps) if now > was}
            moved = collections.Counter((before[user], after[user]) for user in users if before[user] != after[user])
            wrong = {move: count for move, count in moved.items() if move[0] in grown or move[1] not in grown}
            require(not wrong, f"users moved to a version whose weight has not grown: {wrong}")
            share = sum(max(0, now - was) for was, now in zip(*steps)) / 100
            sigma = math.sqrt(len(users) * share * (1 - share))
            require(abs(moved.total() - len(users) * share) <= SIGMAS * sigma, f"{moved.total()} of {len(users)} users moved")
            what = " to ".join("/".join(map(str, weights)) for weights in steps)
            parts.append(f"{what}: {moved.total()} of {len(users)} users moved "
                         f"({(moved.total() - len(users) * share) / sigma:+.1f} sigma), none back")
        return "; ".join(parts)

    def _targets_of(self, users, weights):
        """The target of each user with some weights, which results must have, each user's twice."""
        offset, _ = self._service.publisher.alias("by-user", weights, "user")
        self._service.wait_served("by-user", offset)
        results = self._results_of([self._send("by-user", "weights", user=user) for user in [*users, *users[:20]]])
        require_offset(results, offset)
        targets = dict(zip(users, (result["adapter"] for result in results)))
        again = dict(zip(users[:20], (result["adapter"] for result in results[len(users):])))
        require(all(targets[user] == target for user, target in again.items()), "a user has two versions")
        wrong = [user for user in users if targets[user] != rendezvous("by-user", weights, user)]
        require(not wrong, f"{len(wrong)} users do not have the version that their weights give")
        return targets

    def _need_versions(self):
        for name in VERSIONS:
            if not self._service.adapters(name)[0]:
                self._publish_served(name)

    def _remove(self):
        """A tombstone: requests get unknown_adapter. The name can be published again."""
        self._publish_served("removed")
        served = self._results_of([self._send("removed", "remove") for _ in range(10)])
        require(all(result["error"] is None for result in served), "an error before the removal")
        offset, _ = self._service.publisher.write("removed", None)
        self._service.wait_applied(offset)
        errors = collections.Counter(result["error"] for result in
                                     self._results_of([self._send("removed", "remove") for _ in range(20)]))
        require(errors == {"unknown_adapter": 20}, f"results after the removal: {dict(errors)}")
        _, digest = self._publish_served("removed")
        again = self._results_of([self._send("removed", "remove") for _ in range(10)])
        require(all(result.get("adapter_digest") == digest for result in again), "not the version that was published again")
        return "10 results, then 20 unknown_adapter, then 10 results of the version that is published again"

    def _failures_of_sources(self):
        """Records without an effect, each with a reason, while everything else goes on."""
        parts = []
        for reason, publish in self._bad_records().items():
            name = f"bad-{reason.replace('_', '-')}"
            begin = time.monotonic()
            publish(name)
            self._service.wait(lambda: all(adapter.get("reason") == reason for adapter in self._service.adapters(name)),
                               f"not every worker says {reason}: {self._service.adapters(name)}")
            seconds = time.monotonic() - begin
            errors = {result["error"] for result in self._results_of([self._send(name, "bad") for _ in range(4)])}
            require(errors <= {"adapter_unusable", "adapter_load_timeout"}, f"{name}: requests get {errors}")
            parts.append(f"{reason} {seconds:.1f} s ({', '.join(map(str, errors))})")
        require(not self._elsewhere.received, f"a worker followed a redirect to {self._elsewhere.received}")
        # a name that is served goes on with the version before it
        first, digest = self._publish_served("kept")
        self._bad_records()["wrong_digest"]("kept")
        self._service.wait(lambda: all(adapter.get("reason") == "wrong_digest" for adapter in self._service.adapters("kept")),
                           f"'kept' has no reason: {self._service.adapters('kept')}")
        kept = self._results_of([self._send("kept", "bad") for _ in range(10)])
        require(all(result["adapter_offset"] == first for result in kept), "the version before a bad record is not served")
        return ", ".join(parts) + "; a name that was served keeps its version"

    def _bad_records(self):
        """By the reason that each must have: a function of the name that publishes it."""
        def put(repository, change=lambda files: files, faults=None, digest=None, **fields):
            def publish(name):
                files = self._files()
                source = self._hub.put(f"team/{repository}-{next(self._numbers)}", change(files), faults)
                self._service.publisher.version(name, source, digest or digest_of(files), labels=UNUSABLE, **fields)
            return publish

        def at(source):
            return lambda name: self._service.publisher.version(name, source, "ab" * 32, labels=UNUSABLE)

        link = self._root / f"link-{next(self._numbers)}"
        link.symlink_to("/etc")
        away = f"http://localhost:{self._elsewhere.port}/weights"
        return {
            "wrong_digest": put("digest", digest="cd" * 32),
            "truncated": put("truncated", faults={WEIGHTS: {"truncated": True}}),
            "other_base": lambda name: self._service.publisher.write(
                name, {"source": "hf://team/x@" + "0" * 40, "digest": "ab" * 32, "base": "ef" * 32, "labels": UNUSABLE}),
            "outside_root": at(f"file:{link.name}"),
            "not_allowed": at("s3://elsewhere/adapter"),
            "invalid_source": at("file:../secrets"),
            "not_found": at(f"s3://{BUCKET}/absent"),
            "redirected": put("redirected", faults={WEIGHTS: {"location": away}}),
            "pickle": put("pickle", lambda files: {CONFIG: files[CONFIG], PICKLE: b"\x80\x02."}),
            "too_large": put("endless", faults={WEIGHTS: {"endless": True}}),
            "invalid_record": lambda name: self._service.publisher.write(name, {"source": "file:a", "digest": "x", "base": "y"}),
        }

    def _disk(self):
        """A full disk: a download fails, what is in memory goes on, and the adapter is served when there is space again."""
        if not self._mounted:
            return f"skipped: the user may not mount a file system of {CACHE_BYTES >> 20} MiB for the cache"
        ballast = self._folder / "cache" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
            while True:
                out.write(b"\0" * 4096)
        files = self._files()
        offset, _ = self._service.publisher.version("disk", self._hub.put("team/disk", files), digest_of(files))
        try:
            self._service.wait(lambda: all(adapter.get("reason") == "disk_full" for adapter in self._service.adapters("disk")),
                               f"not every worker says disk_full: {self._service.adapters('disk')}")
            held = self._results_of([self._send(name, "load") for name in [BASE, *FOLDERS]])
            require(all(result["error"] is None for result in held), "another adapter has an error")
        finally:
            ballast.unlink()
        begin = time.monotonic()
        self._service.wait_served("disk", offset)
        results = self._results_of([self._send("disk", "disk") for _ in range(4)])
        require(all(result["error"] is None for result in results), "an error after the disk has space")
        return f"disk_full in every worker; served {time.monotonic() - begin:.1f} s after there was space again"

    def _verify(self):
        return run_verifier(self._service.brokers, "--adapters", ADAPTERS, "--base-digest", self._service.base,
                            "--folders", ",".join(folder.name for folder in (MODEL / "adapters").iterdir()))


VERSIONS = ("extract-v1", "extract-v2", "extract-v3")
ALL = ("add", "replace", "alias", "weights", "remove", "failures-of-sources", "disk")


def require_offset(results, offset):
    wrong = {result["error"] or result["alias_offset"] for result in results if result.get("alias_offset") != offset}
    require(not wrong, f"results that are not of the alias at offset {offset}: {wrong}")


def mount_cache(folder):
    """Whether the cache folder has a small file system of its own."""
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={CACHE_BYTES}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scenes", type=lambda names: names.split(","), default=list(ALL), metavar="SCENE,SCENE",
                        help=f"only these of: {', '.join(ALL)}")
    parser.add_argument("--s3mock", type=pathlib.Path, metavar="JAR",
                        help="the executable jar of com.adobe.testing:s3mock:5.2.0 as object store; by default a small server")
    parser.add_argument("--requests", type=int, default=400, help="requests of each count (default %(default)s)")
    parser.add_argument("--rate", type=float, default=4, help="requests a second of the steady load (default %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6),
                        help="of the steady load and of the names of users")
    parser.add_argument("--json", type=pathlib.Path, help="file for the report")
    ProgramRun.add_option(parser)
    options = parser.parse_args()
    if unknown := set(options.scenes) - set(ALL):
        parser.error(f"no scenes {sorted(unknown)}")
    program = ProgramRun("publish", options)
    print(f"logs in {program.folder}", flush=True)
    report = program.carry_out(Scenes)
    print("\nverifier: " + summary(report["verifier"]))
    for failure in report["failures"]:
        print(f"FAILURE: {failure}")
    failed = report["failures"] or not report["verifier"]["ok"] or report["requests"]["open"]
    return program.end(failed, report=report, json_file=options.json)


if __name__ == "__main__":
    sys.exit(main())
