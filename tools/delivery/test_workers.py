"""Tests of what the programs wait for."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

from workers import Worker, WorkerError, await_condition


RUNNING = "import time; time.sleep(60)"


class AwaitConditionTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._log = pathlib.Path(folder.name) / "worker.log"
        self._log.write_text("the last line")

    def _worker(self, code):
        process = subprocess.Popen([sys.executable, "-c", code])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return Worker("a-worker", 0, process, self._log)

    def test_returns_when_the_condition_holds(self):
        answers = iter([False, False, True])
        await_condition(lambda: next(answers), [self._worker(RUNNING)], "never")

    def test_a_process_that_ends_is_named_with_its_code_and_the_end_of_its_log(self):
        worker = self._worker("raise SystemExit(3)")
        with self.assertRaisesRegex(WorkerError, "a-worker ended with code 3, see .*worker.log:\nthe last line"):
            await_condition(lambda: False, [worker], "never", 30)

    def test_a_process_that_was_terminated_may_end(self):
        worker = self._worker(RUNNING)
        worker.terminate()
        await_condition(lambda: not worker.alive, [worker], "it has not ended", 30)
        with self.assertRaisesRegex(WorkerError, "nothing happened after 0.1 s, see .*worker.log"):
            await_condition(lambda: False, [worker], "nothing happened", 0.1)


if __name__ == "__main__":
    unittest.main()
