"""A run of a program that starts brokers and workers: its folder, what ends it early, its report and its exit code."""
import json
import logging
import pathlib
import shutil
import signal
import sys
import tempfile

from confluent_kafka import KafkaException

from broker import BrokerError
from verify import Unverifiable
from workers import WorkerError


class ProgramRun:
    """One run, from its command line to its exit code."""

    def __init__(self, name, options):
        """name: of the temporary folder, behind `tidemark-`; options: of the command line, with that of `add_option`"""
        self._options = options
        self.folder = (options.dir or pathlib.Path(tempfile.mkdtemp(prefix=f"tidemark-{name}"))).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def add_option(parser):
        parser.add_argument("--dir", type=pathlib.Path, help="folder for logs and data, which is kept; by default a temporary one")

    def carry_out(self, make):
        """
        Returns the report of `make(options, folder).run()`. The log goes to stdout.

        Raises SystemExit on SIGTERM, so that `run` can end its processes, and after an error of a process, Kafka or the verifier.
        """
        logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("the run was ended by SIGTERM"))
        try:
            return make(self._options, self.folder).run()
        except (WorkerError, BrokerError, Unverifiable, KafkaException) as e:
            sys.exit(f"the run has ended early; logs in {self.folder}: {e}")

    def end(self, failed, what="FAILED", report=None, json_file=None):
        """
        Writes the report to a file if one is given, so call this after the report is printed: the file may not be writable,
        and that fails the run. Says where the logs of a failed run are, or removes a temporary folder. Returns the exit code.
        """
        if json_file:
            try:
                json_file.write_text(json.dumps(report, indent=1))
            except OSError as e:
                print(f"the report could not be written to {json_file}: {e.strerror}")
                failed = True
        if failed:
            print(f"{what}; logs in {self.folder}")
            return 1
        if self._options.dir is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        return 0
