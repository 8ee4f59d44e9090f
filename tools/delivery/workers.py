"""Worker processes: the packaged application. Those of a chaos run have a native crash and a hang planted in their step.

Neither needs a hook in the product. Workers run with a copy of `step.torchscript` before the application on the class
path. If a step has the tokens of CRASH_MARKER, the copy calls a libtorch kernel that reads far outside its input, and the
process gets a SIGSEGV. If a step has those of HANG_MARKER, the copy opens a FIFO that nobody writes: the step never ends,
and uses no processor. Both happen in the prefill of a request with the marker in its prompt, and nowhere else.
"""
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
JAR = ROOT / "target" / "quarkus-app" / "quarkus-run.jar"
MODEL = ROOT / "src" / "test" / "resources" / "models" / "llama-gqa"
SCRIPTS = ROOT / "src" / "main" / "resources" / "torchscript"
# three characters that are a token each; the prompt of an ordinary request has none of them
CRASH_MARKER = "ZQ~" * 4
HANG_MARKER = "XJ^" * 4
CRASHED_KERNEL = "segment_reduce"
# the line of a script after which the faults are planted: of a step in torch, and of one with native kernels
PLANT_AFTER = {"step.torchscript": "    ids = parts[PlanPart.ids]\n", "native.torchscript": "    ids = parts[NativePlanPart.ids]\n"}
# the calls depend on the input, because TorchScript runs calls with constant arguments when it compiles
AT_MARKER = """\
    if torch.size(ids, 0) >= {count}:
      marker = torch.tensor({ids}, dtype=INT64, device=self.embedding.device, requires_grad=False)
      if bool(torch.any(torch.all(torch.eq(torch.unfold(ids, 0, {count}, 1), marker), 1))):
"""
CRASH = """\
        lengths = torch.add(torch.mul(torch.slice(ids, 0, 0, 1, 1), 0), 1099511627776)
        print(torch.segment_reduce(torch.ones([4]), "sum", lengths=lengths, unsafe=True))
"""
HANG = """\
        print(torch.from_file("{fifo}", False, torch.size(ids, 0)))
"""
# what a worker logs before it ends because a step has taken too long, and the setting of this time
HANG_LOG = "the process ends without a release of its partitions"
STEP_TIME_SETTING = "TIDEMARK_ENGINE_STEP_LIMIT"
IMAGE_HEAP = "512m"   # of docker/Dockerfile
START_SECONDS = 90
END_SECONDS = 60


class WorkerError(Exception):
    """A worker can't be started or has ended by itself."""


def planted_jar(folder, mounted=None):
    """A jar with the step that crashes and hangs at the markers. mounted: path of the folder in the worker, if it is another one"""
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    fifo = folder / "never-written"
    os.mkfifo(fifo)
    faults = ""
    for marker, fault in ((CRASH_MARKER, CRASH), (HANG_MARKER, HANG.format(fifo=(pathlib.PurePath(mounted or folder) / fifo.name)))):
        ids = [vocabulary[character] for character in marker]
        faults += AT_MARKER.format(count=len(ids), ids=ids) + fault
    with zipfile.ZipFile(folder / "planted.jar", "w") as jar:
        for script, line in PLANT_AFTER.items():
            text = (SCRIPTS / script).read_text()
            if text.count(line) != 1:
                raise WorkerError(f"{SCRIPTS / script} has no line '{line.strip()}', after which the faults are planted")
            jar.writestr(f"torchscript/{script}", text.replace(line, line + faults))
    return folder / "planted.jar"


def longer_model(folder, positions, source=MODEL):
    """A copy of a model with a longer context, so that a request can run for many seconds."""
    model = folder / source.name
    shutil.copytree(source, model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": positions}))
    return model


def main_class(jar=JAR):
    if not jar.is_file():
        raise WorkerError(f"no {jar}; build the project: mvn -q -B -Dmaven.test.skip=true package")
    with zipfile.ZipFile(jar) as archive:
        lines = archive.read("META-INF/MANIFEST.MF").decode().splitlines()
    return next(line.split(": ", 1)[1] for line in lines if line.startswith("Main-Class: "))


def java():
    """The program `java`: that of JAVA_HOME, or the first one of PATH."""
    return os.environ["JAVA_HOME"] + "/bin/java" if "JAVA_HOME" in os.environ else "java"


class Worker:
    """One process, from its start to its end."""

    def __init__(self, name, port, process, log):
        self.name = name
        self.port = port         # of HTTP
        self.process = process
        self.log = log
        self.started = time.monotonic()
        self.ready = False
        self.suspended = False
        self.terminated = None   # when it got SIGTERM
        self.killed = False
        self.memory = []         # (age in seconds, resident bytes)

    @property
    def alive(self):
        return self.process.poll() is None

    @property
    def answers(self):
        """Whether it runs and is expected to go on."""
        return self.alive and self.ready and not self.killed and not self.suspended and self.terminated is None

    def terminate(self):
        """SIGTERM; does not wait."""
        self.terminated = time.monotonic()
        self.process.terminate()

    def kill(self):
        """SIGKILL, if it runs; returns when the process has ended."""
        if self.alive:
            self.process.kill()
            self.process.wait()

    def is_ready(self):
        """Whether the readiness check succeeds now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/q/health/ready", timeout=1) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def sample_memory(self):
        try:
            pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        self.memory.append((time.monotonic() - self.started, pages * os.sysconf("SC_PAGE_SIZE")))

    def log_tail(self, lines=25):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def await_condition(condition, processes, what, seconds=math.inf, poll_seconds=0.1):
    """
    Returns when a condition holds.

    Raises WorkerError with `what` if it does not hold within `seconds`, or if a process ends that was not sent SIGTERM.
    """
    end = time.monotonic() + seconds
    while not condition():
        for each in processes:
            if not each.alive and each.terminated is None:
                raise WorkerError(f"{each.name} ended with code {each.process.returncode}, see {each.log}:\n{each.log_tail()}")
        if time.monotonic() > end:
            raise WorkerError(f"{what} after {seconds} s, see {', '.join(str(each.log) for each in processes)}")
        time.sleep(poll_seconds)


class Launcher:
    """Starts processes of the packaged application with the same brokers and settings."""

    def __init__(self, folder, brokers, settings, first=(), heap="256m", jar=JAR, flags=()):
        """
        folder: of logs and crash reports; brokers: bootstrap.servers of the workers; settings: further environment
        variables; first: jars that are before the application on the class path; heap: the maximum heap; jar: of the
        packaged application; flags: of the JVM
        """
        self._folder = folder
        self._environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": brokers, **settings}
        self._command = [java(), f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-CreateCoredumpOnCrash",
                         f"-XX:ErrorFile={folder}/crash-%p.log", *flags, "-cp", ":".join(map(str, [*first, jar])), main_class(jar), "serve"]

    def start(self, name, port, log_name):
        log = self._folder / f"{log_name}.log"
        environment = {**self._environment, "TIDEMARK_WORKER_ID": name, "QUARKUS_HTTP_PORT": str(port)}
        with log.open("wb") as out:
            process = subprocess.Popen(self._command, env=environment, cwd=self._folder, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        return Worker(name, port, process, log)

    @staticmethod
    def ended_by_hang(worker):
        """Whether its log says that it ended because a step had taken too long."""
        with worker.log.open("rb") as log:
            log.seek(max(0, worker.log.stat().st_size - 65536))
            return HANG_LOG.encode() in log.read()

    def crash_report(self, worker):
        """What the JVM has written about a crash in native code, or an empty text."""
        report = self._folder / f"crash-{worker.process.pid}.log"
        return report.read_text(errors="replace") if report.exists() else ""


class Workers:
    """Keeps `scale` of the slots running, as a deployment does: a process that has ended is started anew."""

    def __init__(self, folder, random, brokers, slots, settings, ports, heap, jar=JAR):
        """
        brokers: bootstrap.servers of the workers; settings: further environment variables; ports: HTTP, one a slot; heap:
        the maximum heap of each; jar: of the packaged application
        """
        self._random = random
        self._ports = ports
        self._launcher = Launcher(folder, brokers, settings, [planted_jar(folder)], heap, jar)
        self._restart_at = [0.0] * slots
        self._starts = 0
        self.scale = set(range(slots))
        self.current = [None] * slots
        self.all = []
        self.failures = []
        self.planted_crashes = 0
        self.planted_hangs = 0

    def answering(self):
        return [worker for worker in self.current if worker is not None and worker.answers]

    def running(self):
        return [worker for worker in self.current if worker is not None and worker.alive]

    def kill(self, worker):
        """SIGKILL; the slot's next process starts after 1 to 12 seconds."""
        worker.killed = True
        worker.process.kill()
        self._restart_at[self._slot(worker)] = time.monotonic() + self._random.uniform(1, 12)

    def terminate(self, worker):
        worker.terminate()

    def suspend(self, worker):
        worker.suspended = True
        worker.process.send_signal(signal.SIGSTOP)

    def resume(self, worker):
        worker.process.send_signal(signal.SIGCONT)
        worker.suspended = False
        if self._slot(worker) not in self.scale and worker.terminated is None:
            self.terminate(worker)   # its slot was given up meanwhile

    def set_scale(self, count):
        """Ends or starts workers of random slots, until this many slots are used."""
        slots = list(range(len(self.current)))
        while len(self.scale) > count:
            slot = self._random.choice(sorted(self.scale))
            self.scale.discard(slot)
            worker = self.current[slot]
            if worker is not None and worker.alive and not worker.suspended:
                self.terminate(worker)
        while len(self.scale) < count:
            self.scale.add(self._random.choice([slot for slot in slots if slot not in self.scale]))

    def check(self):
        """Starts what is due, and records processes that ended by themselves. Called several times a second."""
        now = time.monotonic()
        for slot, worker in enumerate(self.current):
            if worker is not None and not worker.alive:
                self._ended(worker)
                self.current[slot] = worker = None
            if worker is None and slot in self.scale and now >= self._restart_at[slot]:
                self._start(slot)
            elif worker is not None and not worker.suspended:
                self._watch(worker, now)

    def sample_memory(self):
        for worker in self.running():
            worker.sample_memory()

    def await_answering(self, seconds=START_SECONDS):
        """Returns when a worker is ready."""
        end = time.monotonic() + seconds
        while not self.answering():
            if time.monotonic() > end:
                raise WorkerError(f"no worker is ready after {seconds} s: {self.failures}")
            self.check()
            time.sleep(0.2)

    def end(self):
        """SIGTERM to all, also to suspended ones; returns when all have ended."""
        for worker in self.running():
            if worker.suspended:
                self.resume(worker)
            if worker.terminated is None:
                self.terminate(worker)
        self.scale = set()
        while self.running():
            self.check()
            time.sleep(0.1)
        self.check()

    def kill_all(self):
        for worker in self.running():
            worker.kill()

    def _start(self, slot):
        self._starts += 1
        # half of the processes have the name of the one before, as in a stateful set
        before = [worker.name for worker in self.all if self._slot(worker) == slot]
        log_name = f"worker-{slot + 1}-{self._starts}"
        name = before[-1] if before and self._random.random() < 0.5 else log_name
        worker = self._launcher.start(name, self._ports[slot], log_name)
        self.current[slot] = worker
        self.all.append(worker)

    def _watch(self, worker, now):
        if worker.terminated is not None:
            if now - worker.terminated > END_SECONDS:
                self.failures.append(f"{worker.name} runs {END_SECONDS} s after SIGTERM, see {worker.log}")
                self.kill(worker)
        elif not worker.ready:
            worker.ready = worker.is_ready()
            if not worker.ready and now - worker.started > START_SECONDS:
                self.failures.append(f"{worker.name} is not ready after {START_SECONDS} s, see {worker.log}")
                self.kill(worker)

    def _slot(self, worker):
        return self._ports.index(worker.port)

    def _ended(self, worker):
        code = worker.process.returncode
        if worker.killed:
            return
        self._restart_at[self._slot(worker)] = time.monotonic() + self._random.uniform(0.5, 3)
        if CRASHED_KERNEL in self._launcher.crash_report(worker)[:4000]:
            self.planted_crashes += 1
        elif self._launcher.ended_by_hang(worker):
            self.planted_hangs += 1
        elif worker.terminated is None or code not in (143, -signal.SIGTERM):
            ended = "after SIGTERM" if worker.terminated is not None else "by itself"
            self.failures.append(f"{worker.name} ended {ended} with code {code}, see {worker.log}:\n{worker.log_tail()}")
