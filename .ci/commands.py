#!/usr/bin/env python3
"""Runs the commands of the documentation on the demo's model.

    commands.py [--broker ADDRESS] [--full] [--only TEXT] [--venv FOLDER]

A code block with commands has a comment in the line before it. CommandBlocksTest demands it:

    <!-- commands: run -->                  this program runs them, in .ci/run
    <!-- commands: run; print TEXT -->      and their output must contain the text
    <!-- commands: run in full -->          the same with --full, in .ci/full, because they take longer
    <!-- commands: run by FILE -->          another script runs the same programs
    <!-- commands: need a cluster -->       nothing runs them; the test has the list of what they may need

A document's commands run in a folder of their own, in which the names of models, adapters and files are those of the
demo. Addresses and ports are replaced. ADDRESS is the broker of a running `serve --role all` with the adapters of the
demo and `restaurants`; it answers the commands of blocks without a broker. By default, the program starts one.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^(?P<indent> *)<!-- commands: (?P<when>run|run in full)(?:; print (?P<expected>[^\n]+))? -->\n"
                   r"(?P=indent)```(?:sh)?\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
DOCUMENTS = ("*.md", "docs/*.md", "demo/*.md", "bench/*.md", "examples/*/*.md")
LINKS = {"bin": "bin", "demo": "demo", "examples": "examples", "tools": "tools", "src": "src", "my-models": "demo", "models/base": "demo/model",
         "smollm2": "demo/model", "adapters/restaurants": "demo/adapters/describe-small-data",
         "adapters/lora-e2e": "demo/adapters/describe", "adapters/lora-gsm": "demo/adapters/describe-small-data",
         "adapters/a": "demo/adapters/describe", "adapters/b": "demo/adapters/extract"}
DATA = ("validation.jsonl", "test.jsonl", "e2e-validation.jsonl", "e2e-test.jsonl", "gsm-validation.jsonl", "gsm-test.jsonl")
# commands that run until a signal, and what they print when they are ready
SERVICES = {r"bin/tidemark serve\b": "ready as", r"bin/tidemark broker\b": r"(?m)^\S+:\d+$",
            r"bin/tidemark demo\b.* --keep": "until Ctrl-C", r"\bboundaries\.py \S+$": "in force"}
READY_SECONDS, COMMAND_SECONDS, END_SECONDS, SHOWN_LINES = 240, 1800, 60, 12
SERVE = ("bin/tidemark serve --role all --broker embedded --broker-port 9092 --model demo/model "
         "--adapters demo/adapters --adapter restaurants=adapters/restaurants")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="", help="the documents whose path has this text")
    parser.add_argument("--venv", help="a virtual environment for python and pip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="commands-") as folder:
        prepare(pathlib.Path(folder), "service")
        service = Block("service", SERVE, None, folder, options)
        try:
            if options.broker is None:
                service.start(SERVE, "ready as")
                options.broker = service.broker
            run_documents(options)
        finally:
            service.stop()


def run_documents(options):
    begin, count = time.monotonic(), 0
    for document in sorted(document for pattern in DOCUMENTS for document in ROOT.glob(pattern)):
        name = str(document.relative_to(ROOT))
        blocks = [block for block in blocks_of(document.read_text()) if block[2] == options.full]
        if blocks and options.only in name:
            with tempfile.TemporaryDirectory(prefix="commands-") as folder:
                prepare(pathlib.Path(folder), name)
                for line, text, _, expected in blocks:
                    count += Block(f"{name}:{line}", text, expected, folder, options).run()
    print(f"{count} commands of the documentation succeeded in {time.monotonic() - begin:.0f} s")


def blocks_of(document):
    """The marked blocks of a document: line, text, whether it runs with --full only, and the text to print."""
    for block in BLOCK.finditer(document):
        line = document.count("\n", 0, block.start("text")) + 1
        yield line, block["text"], block["when"] == "run in full", block["expected"]


def prepare(folder, name):
    """Links the names that commands use to files of the demo. Each document gets its own order of examples."""
    for link, target in LINKS.items():
        (folder / link).parent.mkdir(parents=True, exist_ok=True)
        (folder / link).symlink_to(ROOT / target)
    (folder / "docs/pictures").mkdir(parents=True)
    (folder / "deploy").mkdir()
    (folder / "crashing-ids.txt").touch()
    examples = (ROOT / "demo/data/describe-validation.jsonl").read_text().splitlines(keepends=True)
    random.Random(name).shuffle(examples)
    for file in DATA:
        (folder / file).write_text("".join(examples))
    shutil.copy(ROOT / "demo/data/describe-requests.jsonl", folder / "requests.jsonl")
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns(".peers", "__pycache__", "src", "target", "bench"))
    (folder / "bench/bench").symlink_to(ROOT / "bench/bench")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)


class Block:
    def __init__(self, place, text, expected, folder, options):
        self.place, self.expected, self.folder = place, expected, folder
        lines = re.sub(r"\\\n\s*", " ", text).splitlines()
        prompts = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
        self.commands = prompts or [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        own = "--broker embedded" in text or re.search(r"bin/tidemark (broker|demo)\b", text)
        self.broker = f"127.0.0.1:{free_port()}" if own else options.broker
        self.http = free_port()
        self.environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": self.broker, "QUARKUS_HTTP_PORT": str(self.http)}
        if options.venv:
            self.environment["PATH"] = f"{pathlib.Path(options.venv).resolve()}/bin:{self.environment['PATH']}"
        self.services = []

    def run(self):
        output = ""
        try:
            for command in self.commands:
                print(f"\n{self.place}$ {command}", flush=True)
                ready = next((ready for service, ready in SERVICES.items() if re.search(service, command)), None)
                output += self.start(command, ready) if ready else self.finish(command)
        finally:
            self.stop()
        if self.expected and self.expected not in output:
            sys.exit(f"{self.place}: the commands did not print '{self.expected}'")
        return len(self.commands)

    def local(self, command):
        """The command with the addresses and ports of this run."""
        port = self.broker.rpartition(":")[2]
        command = re.sub(r"\b(localhost|kafka):(9092|19092)\b", self.broker, command)
        command = re.sub(r"\blocalhost:8080\b", f"localhost:{self.http}", command)
        command = re.sub(r"--broker embedded(?!.*--broker-port)", "--broker embedded --broker-port 9092", command)
        command = re.sub(r"--broker-port \d+", f"--broker-port {port}", command)
        command = re.sub(r"--port (9092|19092)\b", f"--port {port}", command)
        return re.sub(r"--port (8080|18080)\b", f"--port {self.http}", command)

    def popen(self, command):
        """Starts a command in a process group of its own, and returns it with the file of its output."""
        descriptor, log = tempfile.mkstemp(prefix="output-", dir=self.folder)
        with os.fdopen(descriptor, "ab") as out:
            process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", self.local(command)], cwd=self.folder,
                                       env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        return process, pathlib.Path(log)

    def finish(self, command):
        begin = time.monotonic()
        process, log = self.popen(command)
        try:
            code = process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            code = f"none within {COMMAND_SECONDS} s"
        finally:   # also on Ctrl-C
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        output = log.read_text(errors="replace")
        show(output)
        if code != 0:
            sys.exit(f"{self.place}: exit code {code} of: {command}\n{output}")
        print(f"({time.monotonic() - begin:.1f} s)", flush=True)
        return output

    def start(self, command, ready):
        process, log = self.popen(command)
        self.services.append((process, log))
        end = time.monotonic() + READY_SECONDS
        while not re.search(ready, output := log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{self.place}: did not print '{ready}': {command}\n{output}")
            time.sleep(0.2)
        show(output)
        return output

    def stop(self):
        """Ends the block's services as Ctrl-C or an orchestrator does."""
        for service, _ in self.services:
            if service.poll() is None:
                os.killpg(service.pid, signal.SIGTERM)
        for service, log in self.services:
            try:
                service.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(service.pid, signal.SIGKILL)
                sys.exit(f"did not end within {END_SECONDS} s after SIGTERM: {service.args[-1]}")
            print(f"{self.place}: ended {service.args[-1]}")
            show(log.read_text(errors="replace"))


def show(output):
    for line in output.splitlines()[-SHOWN_LINES:]:
        print(f"    {line[:160]}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


if __name__ == "__main__":
    main()
