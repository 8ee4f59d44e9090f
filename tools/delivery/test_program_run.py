"""Tests of the end of a run: python -m unittest discover -s tools/delivery"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import signal
import tempfile
import unittest
from unittest import mock

from confluent_kafka import KafkaException

from broker import BrokerError
from program_run import ProgramRun
from verify import Unverifiable
from workers import WorkerError


class Reporting:
    """Writes a log into its folder and reports a number of faults."""

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder

    def run(self):
        (self._folder / "worker.log").write_text("a line")
        return {"faults": self._options.faults}


class ProgramRunTest(unittest.TestCase):

    def setUp(self):
        self.parent = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        self.enterContext(mock.patch("tempfile.tempdir", str(self.parent)))
        self.enterContext(mock.patch("logging.basicConfig"))   # the other tests keep their log
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))

    def program(self, *arguments, faults=0):
        parser = argparse.ArgumentParser()
        ProgramRun.add_option(parser)
        options = parser.parse_args(arguments)
        options.faults = faults
        return ProgramRun("test", options)

    def ended(self, program, json_file=None, **what):
        """The exit code and the output of a run."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            report = program.carry_out(Reporting)
            print(f"{report['faults']} faults")
            return program.end(report["faults"], report=report, json_file=json_file, **what), out.getvalue()

    def test_a_run_without_faults_removes_its_temporary_folder(self):
        program = self.program()
        self.assertEqual((0, "0 faults\n"), self.ended(program))
        self.assertFalse(program.folder.exists())

    def test_a_run_with_faults_keeps_its_folder_and_names_it(self):
        program = self.program(faults=2)
        self.assertEqual((1, f"2 faults\nFAILED; logs in {program.folder}\n"), self.ended(program))
        self.assertTrue((program.folder / "worker.log").exists())
        self.assertEqual((1, f"2 faults\nFAILED with seed 7; logs in {program.folder}\n"),
                         self.ended(program, what="FAILED with seed 7"))

    def test_a_chosen_folder_is_made_and_kept(self):
        program = self.program("--dir", str(self.parent / "inner" / "logs"))
        self.assertEqual((0, "0 faults\n"), self.ended(program))
        self.assertTrue((self.parent / "inner" / "logs" / "worker.log").exists())

    def test_the_report_is_written_to_a_file(self):
        self.ended(self.program(faults=3), self.parent / "report.json")
        self.assertEqual({"faults": 3}, json.loads((self.parent / "report.json").read_text()))

    def test_a_report_that_cannot_be_written_is_printed_and_fails_the_run(self):
        program, file = self.program(), self.parent / "missing" / "report.json"
        self.assertEqual((1, f"0 faults\nthe report could not be written to {file}: No such file or directory\n"
                             f"FAILED; logs in {program.folder}\n"), self.ended(program, file))
        self.assertTrue((program.folder / "worker.log").exists())

    def ends_with(self, program, action):
        """What the program prints when it ends early. Its temporary folder is still there."""
        class Ending(Reporting):
            def run(self):
                super().run()
                action()

        with self.assertRaises(SystemExit) as ended:
            program.carry_out(Ending)
        self.assertTrue((program.folder / "worker.log").exists())
        return ended.exception.code

    def test_an_error_of_a_process_of_kafka_or_of_the_verifier_ends_the_run_and_keeps_the_folder(self):
        def fail(error):
            raise error

        for error in (WorkerError("no jar"), BrokerError("no port"), Unverifiable("no topic"), KafkaException("no leader")):
            with self.subTest(type(error).__name__):
                program = self.program()
                self.assertEqual(f"the run has ended early; logs in {program.folder}: {error}",
                                 self.ends_with(program, lambda: fail(error)))

    def test_sigterm_ends_the_run(self):
        program = self.program()
        self.assertEqual("the run was ended by SIGTERM",
                         self.ends_with(program, lambda: os.kill(os.getpid(), signal.SIGTERM)))


if __name__ == "__main__":
    unittest.main()
