"""One system as a process that answers questions, one JSON object per line."""
import json
import os
import selectors
import subprocess
import time


class Failed(Exception):
    pass


class Process:

    def __init__(self, command, environment, log):
        self.log = log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            env={**os.environ, **environment})
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.pending = b""

    def ask(self, question, timeout):
        """The answer, which may be {"unsupported": reason}. Raises Failed on a timeout or an error."""
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.last_words()) from None
        answer = json.loads(self.line(time.monotonic() + timeout, timeout))
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def line(self, deadline, timeout):
        while b"\n" not in self.pending:
            if not self.selector.select(max(0, deadline - time.monotonic())):
                self.close()
                raise Failed(f"no answer within {timeout} s; its log is {self.log}")
            piece = os.read(self.process.stdout.fileno(), 1 << 20)
            if not piece:
                self.process.wait()
                raise Failed(self.last_words())
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def last_words(self):
        with open(self.log, errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        return f"the process ended: {lines[-1][:300] if lines else 'it said nothing'} (log: {self.log})"

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
