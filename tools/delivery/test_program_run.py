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

    def ended(self, program, **what):
        """The exit code and the output of a run."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            report = program.carry_out(Reporting)
            return program.end(report["faults"], **what), out.getvalue()

    def test_a_run_without_faults_removes_its_temporary_folder(self):
        program = self.program()
        self.assertEqual((0, ""), self.ended(program))
        self.assertFalse(program.folder.exists())

    def test_a_run_with_faults_keeps_its_folder_and_names_it(self):
        program = self.program(faults=2)
        self.assertEqual((1, f"FAILED; logs in {program.folder}\n"), self.ended(program))
        self.assertTrue((program.folder / "worker.log").exists())
        self.assertEqual((1, f"FAILED with seed 7; logs in {program.folder}\n"), self.ended(program, what="FAILED with seed 7"))

    def test_a_chosen_folder_is_made_and_kept(self):
        program = self.program("--dir", str(self.parent / "inner" / "logs"))
        self.assertEqual((0, ""), self.ended(program))
        self.assertTrue((self.parent / "inner" / "logs" / "worker.log").exists())

    def test_the_report_is_written_to_a_file(self):
        self.program("--dir", str(self.parent), faults=3).carry_out(Reporting, self.parent / "report.json")
        self.assertEqual({"faults": 3}, json.loads((self.parent / "report.json").read_text()))

    def ends_with(self, program, action):
        """What the program prints when it ends early, and the folder, which is there."""
        class Ending(Reporting):
            def run(self):
                super().run()
                action()

        with self.assertRaises(SystemExit) as ended:
            program.carry_out(Ending)
        self.assertTrue((program.folder / "worker.log").exists())
        return ended.exception.code

    def test_an_error_of_a_process_or_of_the_verifier_ends_the_run_and_keeps_the_folder(self):
        def fail(error):
            raise error

        for error in (WorkerError("no jar"), Unverifiable("no topic")):
            program = self.program("--dir", str(self.parent))
            self.assertEqual(f"the run has ended early; logs in {self.parent}: {error}", self.ends_with(program, lambda: fail(error)))

    def test_sigterm_ends_the_run(self):
        program = self.program("--dir", str(self.parent))
        self.assertEqual("the run was ended by SIGTERM",
                         self.ends_with(program, lambda: os.kill(os.getpid(), signal.SIGTERM)))


if __name__ == "__main__":
    unittest.main()
