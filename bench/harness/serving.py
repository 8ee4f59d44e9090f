"""Starts, awaits and ends a broker and the `tidemark serve` processes of the variants."""
import contextlib
import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException

from harness.answer_format import AnswerFormat
from harness.process import Failed

END_SECONDS = 70   # limit after SIGTERM; a worker's shutdown grace is 20 s
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Variant:
    """A launcher with settings and a number of worker processes, and the format of the answers that they are asked for."""
    name: str
    launcher: Path
    workers: int = 1
    compute_type: str = "int8"
    environment: dict = field(default_factory=dict)
    format: AnswerFormat = AnswerFormat()

    def shares_processes_with(self, other):
        """Whether the variants differ in nothing but the format, so that the same processes can serve both."""
        return self.format != other.format and dataclasses.replace(self, name=other.name, format=other.format) == other

    @property
    def slug(self):
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name)

    @staticmethod
    def parse(text, launcher):
        """Parses 'NAME: workers=2 env.TIDEMARK_ENGINE_PROCESSORS=1', or a JSON object with the same fields and env as an object.

        Raises ValueError, or OSError if the file of the format cannot be read.
        """
        if text.lstrip().startswith("{"):
            fields = json.loads(text)
            name, environment = fields.pop("name", None), dict(fields.pop("env", {}))
        else:
            name, _, rest = text.partition(":")
            fields = dict(word.partition("=")[::2] for word in shlex.split(rest))
            environment = {key[4:]: fields.pop(key) for key in list(fields) if key.startswith("env.")}
        unknown = set(fields) - {"launcher", "workers", "compute-type", "format", "rename", "max-tokens", "new-tokens"}
        if not name or unknown:
            raise ValueError(f"'{text}' has no name" if not name else f"unknown field {', '.join(sorted(unknown))} in '{text}'")
        document_tokens = int(fields["max-tokens"]) if "max-tokens" in fields else None
        if "format" in fields and "new-tokens" in fields:
            raise ValueError(f"new-tokens is for free text, but there is a format in '{text}'")
        if "format" in fields:
            answer_format = AnswerFormat.read(fields["format"], fields.get("rename"), document_tokens)
        elif "rename" in fields or document_tokens:
            raise ValueError(f"rename and max-tokens need a format in '{text}'")
        else:
            answer_format = AnswerFormat.free_text(str(fields["new-tokens"])) if "new-tokens" in fields else AnswerFormat()
        return Variant(name.strip(), Path(fields.get("launcher", launcher)).resolve(), int(fields.get("workers", 1)),
                       fields.get("compute-type", "int8"), {key: str(value) for key, value in environment.items()}, answer_format)


class Program:
    """A process with a log."""

    def __init__(self, name, command, environment, log, **pipes):
        self.name, self.log = name, log
        with open(log, "wb") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=file,
                                            env={**os.environ, **environment}, **({"stdout": file} | pipes))

    @property
    def pid(self):
        return self.process.pid

    def check(self):
        code = self.process.poll()
        if code is not None:
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            raise Failed(f"{self.name} ended with code {code}: {lines[-1][:300] if lines else 'no output'} (log: {self.log})")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self):
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ask_to_end(self):
        if self.process.poll() is None:
            self.process.terminate()

    def end(self):
        self.ask_to_end()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server(Program):
    """A `tidemark serve` process: a worker or a calibrator."""

    def __init__(self, name, variant, options, environment, log):
        self.port = free_port()
        super().__init__(name, [variant.launcher, "serve", *options, "--port", self.port], {**variant.environment, **environment}, log)

    def await_ready(self, seconds, poll_seconds=0.2):
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} is not ready after {seconds} s (log: {self.log})")
            time.sleep(poll_seconds)

    def is_ready(self):
        try:
            return self.get("/q/health/ready") is not None
        except OSError:  # includes HTTPError: status 503 while the process is not ready
            return False

    def metric(self, *names):
        """The sum of the meters of these names, of one scrape."""
        return sum(self.metrics(names).values())

    def metrics(self, names):
        """The value of each name in one scrape, summed over the tags; 0 for one that the process does not have."""
        values = dict.fromkeys(names, 0.0)
        for line in self.get("/q/metrics").splitlines():
            name = re.split(r"[ {]", line, maxsplit=1)[0]
            if name in values:
                values[name] += float(line.rpartition(" ")[2])
        return values

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as response:
            return response.read().decode()


class Serving:
    """All processes of a run. They end with the run, whatever the reason."""

    def __init__(self, folder, model, adapters):
        self.folder, self.model, self.adapters = folder, model, adapters
        self.programs = []  # the broker first, if this run has started it
        self.address = None
        self.prefix = ""

    @classmethod
    @contextlib.contextmanager
    def of_program(cls, program, model, adapters):
        """The processes of a program, with their logs in a temporary folder.

        If the body raises Failed, KafkaException or OSError, the program ends with a message that names the folder. Otherwise
        the folder is removed. SIGTERM ends the program.
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        folder, failure = Path(tempfile.mkdtemp(prefix=f"tidemark-{program.replace('_', '-')}-")), None
        serving = cls(folder, model, adapters)
        try:
            yield serving
        except (Failed, KafkaException, OSError) as reason:
            failure = reason
        finally:
            serving.close()
            if failure is None:
                shutil.rmtree(folder)
        if failure:
            sys.exit(f"{program}: {failure}; the logs of all processes are in {folder}")

    def use_broker(self, address):
        """Uses a broker that is running. Topics get a prefix of this run, because earlier runs may have used the broker."""
        self.address, self.prefix = address, f"bench-{time.time_ns() // 10 ** 6}-"

    def start_broker(self, launcher):
        broker = Program("broker", [launcher, "broker", "--port", "0", "--dir", self.folder / "broker"], {},
                         self.folder / "broker.log", stdout=subprocess.PIPE, text=True)
        self.programs.append(broker)
        self.address = broker.process.stdout.readline().strip()
        if not self.address:
            broker.process.wait(END_SECONDS)
            broker.check()

    def start(self, variant, role, name):
        """Starts a process. All processes with one name share topics and consumer groups, which no other process uses."""
        number = sum(isinstance(program, Server) for program in self.programs)
        environment = {"TIDEMARK_TOPICS_PREFIX": f"{name}-", "TIDEMARK_WORKER_GROUP": f"{name}-workers",
                       "TIDEMARK_CALIBRATOR_GROUP": f"{name}-calibrators"}
        options = ["--role", role, "--broker", self.address, "--model", self.model, "--model-name", "base",
                   "--compute-type", variant.compute_type]
        if self.adapters:
            options += ["--adapters", self.adapters]
        server = Server(f"{role} {number} of '{name}'", variant, options, environment, self.folder / f"{name}-{number}.log")
        self.programs.append(server)
        return server

    def check(self):
        for program in self.programs:
            program.check()

    def end(self, servers):
        for server in servers:
            server.ask_to_end()
        for server in servers:
            server.end()
            self.programs.remove(server)

    def close(self):
        self.end(self.programs[1:])
        self.end(self.programs[:1])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
