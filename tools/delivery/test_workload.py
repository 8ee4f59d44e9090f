"""python -m unittest discover -s tools/delivery"""
import collections
import hashlib
import itertools
import json
import pathlib
import random
import tempfile
import unittest

from calibration import hash_of
from records import Schema, parse_json
from workers import CRASH_MARKER, HANG_MARKER, MODEL
from workload import WORDS, AdapterRecords, AdapterVersions, Batches, CostlyRequests, Requests


def valid(schema, value):
    try:
        return schema.fault(parse_json(value)) is None
    except ValueError:
        return False


class WorkloadTest(unittest.TestCase):

    def requests(self, seed=7):
        return Requests(random.Random(seed), "base", ["a", "b"], 6, ["urgent", "requests"], ["replies"], 4000)

    def test_requests_with_a_format_are_valid(self):
        requests, schema = self.requests(), Schema("request")
        records = [requests.next() for _ in range(400)]
        formats = [json.loads(record.value) for record in records
                   if record.kind != "poison" and b"structured_outputs" in record.value]
        self.assertTrue(20 < len(formats) < 70, len(formats))
        self.assertTrue(all(valid(schema, json.dumps(value).encode()) for value in formats))

    def test_large_requests_are_valid_and_below_the_limit(self):
        requests, schema, shapes = self.requests(), Schema("request"), set()
        for _ in range(20):
            record = requests.large()
            self.assertTrue(500_000 < len(record.value) < 1 << 20, len(record.value))
            value = json.loads(record.value)
            shape = "tools" in value, len(value.get("messages", ()))
            self.assertTrue(shape in shapes or valid(schema, record.value))
            shapes.add(shape)
        self.assertEqual(3, len(shapes))

    def test_a_marked_request_has_its_kind_and_only_its_own_marker(self):
        for kind, marker in (("crash", CRASH_MARKER), ("hang", HANG_MARKER)):
            record = self.requests().marked(kind, marker * 5)
            self.assertEqual((kind, f"{kind}-1"), (record.kind, record.id))
            prompt = json.loads(record.value)["prompt"]
            self.assertEqual({marker}, {each for each in (CRASH_MARKER, HANG_MARKER) if each in prompt})

    def test_no_other_request_has_a_character_of_a_marker(self):
        self.assertEqual(set(), set(CRASH_MARKER + HANG_MARKER) & set(" ".join(WORDS)))

    def test_requests_name_what_records_publish(self):
        requests = Requests(random.Random(7), "base", ["a"], 6, ["urgent", "requests"], [], 4000, published=["v1", "alias"])
        values = [json.loads(record.value) for record in (requests.next() for _ in range(400)) if record.kind != "poison"]
        named = [value for value in values if value["model"] in ("v1", "alias")]
        self.assertTrue(80 < len(named) < 160, len(named))
        self.assertTrue(20 < sum("user" in value for value in named) < len(named) - 20)
        self.assertFalse(any("user" in value for value in values if value not in named))

    def adapter_records(self, seed=7, count=400):
        numbers = itertools.count()
        versions = lambda: (f"file:{next(numbers)}", f"{next(numbers):064x}")
        records = AdapterRecords(random.Random(seed), versions, "ee" * 32)
        return [records.next() for _ in range(count)]

    def test_adapter_records_add_replace_remove_and_add_again(self):
        schema, present, added = Schema("adapter-record"), set(), collections.Counter()
        for record in self.adapter_records():
            name = record.key.decode()
            if record.kind == "removed":
                self.assertIsNone(record.value)
                present.remove(name)
            elif record.kind in ("added", "replaced", "weights"):
                self.assertTrue(valid(schema, record.value), record.value)
                self.assertNotIn(b"unusable", record.value)
                self.assertEqual(record.kind == "added", name not in present)
                added[name] += record.kind == "added"
                present.add(name)
        self.assertEqual({*AdapterRecords.ADAPTERS, "patterns", *AdapterRecords.ALIASES}, set(added))
        self.assertGreater(min(added.values()), 1)

    def test_adapter_records_without_effect_are_invalid_or_have_a_label(self):
        schema, kinds = Schema("adapter-record"), set()
        for record in self.adapter_records():
            if record.kind not in ("added", "replaced", "weights", "removed"):
                kinds.add(record.kind)
                # that a target is named twice is no rule of the schema
                labelled = b"unusable" in record.value
                self.assertTrue(labelled or record.kind == "target twice" or not valid(schema, record.value), record)
        self.assertEqual(11, len(kinds), kinds)

    def test_the_seed_decides_the_adapter_records(self):
        self.assertEqual(self.adapter_records(), self.adapter_records())
        self.assertNotEqual(self.adapter_records(), self.adapter_records(8))

    def test_each_version_has_another_digest_and_the_same_weights(self):
        with tempfile.TemporaryDirectory() as folder:
            root, source = pathlib.Path(folder), MODEL / "adapters" / "qv"
            versions = AdapterVersions(random.Random(7), root, [source])
            found = [versions() for _ in range(3)]
            self.assertEqual(3, len({digest for _, digest in found}))
            for uri, digest in found:
                files = [(root / uri.removeprefix("file:") / name).read_bytes()
                         for name in ("adapter_config.json", "adapter_model.safetensors")]
                self.assertEqual(digest, hashlib.sha256(b"".join(files)).hexdigest())
                self.assertEqual(json.loads((source / "adapter_config.json").read_text()), json.loads(files[0]))

    def costly(self, bursts=8):
        requests = CostlyRequests(random.Random(7), "base", ["a", "b"], "costly", 106_496, 129, 66)
        return [requests.burst() for _ in range(bursts)]

    def test_costly_requests_are_valid_and_each_has_outcomes_and_an_id_of_its_own(self):
        schema, bursts = Schema("request"), self.costly()
        records = [record for _, burst in bursts for record in burst]
        for record in records:
            self.assertTrue(valid(schema, record.value), record.value[:200])
            self.assertLess(len(record.value), 1 << 20)
            self.assertTrue(record.outcomes)
            self.assertEqual(record.id, json.loads(record.value)["id"])
        self.assertEqual(len(records), len({record.id for record in records}))
        self.assertTrue(any(record.cancel_after is not None for record in records))

    def test_each_round_has_each_burst_of_costly_requests_once_in_one_partition(self):
        bursts = self.costly()
        for number in (0, 4):
            self.assertEqual({"prompts", "formats", "texts", "ends"}, {kind for kind, _ in bursts[number:number + 4]})
        self.assertEqual([1] * len(bursts), [len({record.key for record in burst}) for _, burst in bursts])

    def test_costly_formats_fit_the_limit_and_no_two_are_equal(self):
        values = [json.loads(record.value) for _, burst in self.costly() for record in burst]
        formats = [value["structured_outputs"] for value in values if "structured_outputs" in value]
        texts = [each.get("grammar") or json.dumps(each["json"]) for each in formats]
        self.assertEqual(len(texts), len(set(texts)))
        for text in texts:
            self.assertLess(len(text), 64 << 10)
        self.assertGreater(min(len(each["grammar"]) for each in formats if "grammar" in each), 55_000)

    def test_batches_are_new_repeated_or_invalid(self):
        schema, batches = Schema("validation-batch"), Batches(random.Random(7), ["a", "b"])
        records = [batches.next() for _ in range(400)]
        good = [record for record in records if record.kind == "batch"]
        self.assertTrue(all(valid(schema, record.value) for record in good))
        ids = [json.loads(record.value)["batch_id"] for record in good]
        self.assertTrue(20 < len(ids) - len(set(ids)) < 80)
        self.assertEqual(len(set(ids)), len({hash_of(each) for each in ids}))
        contents = {each: {record.value for record, name in zip(good, ids) if name == each} for each in ids}
        self.assertEqual({1}, {len(values) for values in contents.values()}, "a repetition has the same examples")
        bad = [record for record in records if record.kind == "bad batch"]
        unknown = [record for record in bad if valid(schema, record.value)]
        self.assertTrue(all(json.loads(record.value)["adapter"] == "unknown" for record in unknown))
        self.assertTrue(10 < len(bad) < 60)

    def test_the_seed_decides_the_batches(self):
        one, two = (Batches(random.Random(7), ["a", "b"]) for _ in range(2))
        self.assertEqual([one.next() for _ in range(50)], [two.next() for _ in range(50)])


if __name__ == "__main__":
    unittest.main()
