"""Tests of what the trainer's day calls flat: python -m unittest discover -s tools/delivery"""
import contextlib
import io
import unittest

from trainer import GROWTH, NAMES, growth

MIB = 1 << 20


class GrowthTest(unittest.TestCase):

    def faults(self, every=36, **sizes):
        """Names of what is not flat, of 40 samples with sizes that are functions of the sample's number."""
        samples = [{"version": number * every, **{name: sizes.get(name, lambda number: 100 * MIB)(number) for name in GROWTH}}
                   for number in range(40)]
        with contextlib.redirect_stdout(io.StringIO()):
            return [fault.partition(" ")[0] for fault in growth(samples)]

    def test_what_stays_is_flat(self):
        self.assertEqual([], self.faults())

    def test_what_grows_at_the_beginning_only_is_flat(self):
        self.assertEqual([], self.faults(RSS=lambda number: min(300, 100 + 40 * number) * MIB))

    def test_a_heap_that_is_collected_is_flat(self):
        self.assertEqual([], self.faults(heap=lambda number: (100 + 60 * (number % 4)) * MIB))

    def test_metrics_grow_until_all_names_with_metrics_of_their_own_were_seen(self):
        self.assertEqual([], self.faults(metrics=lambda number: min(number * 36, NAMES) * 62))
        self.assertEqual([], self.faults(every=1, metrics=lambda number: number * 62))
        self.assertEqual(["heap"], self.faults(every=1, metrics=lambda number: number * 62, heap=lambda number: number * 10 * MIB))

    def test_what_grows_without_end_is_found(self):
        for name in ("RSS", "heap", "disk", "metrics"):
            self.assertEqual([name], self.faults(**{name: lambda number: (100 + 5 * number) * MIB}))


if __name__ == "__main__":
    unittest.main()
