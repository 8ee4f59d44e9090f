"""Tests of the verifier with a broker of its own: python -m unittest discover -s tools/delivery

Needs requirements.txt and the packaged application, whose jars have the broker. The results are written by the tests.
"""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import verify  # noqa: E402
from broker import Cluster  # noqa: E402

LAYERS = 8
BASE = "base"
DIGESTS = {"red": "aa" * 32, "blue": "bb" * 32}
VERSIONS = {number: f"{number:02x}" * 32 for number in range(1, 9)}
BASE_DIGEST = "ee" * 32
# targets of the alias 'extract' with weights of v1 and v2, computed with decimal arithmetic of 60 digits
CHOICES = {(90, 10): {"r-0": "v1", "r-1": "v1", "r-14": "v2"}, (50, 50): {"r-0": "v2", "r-1": "v1", "r-14": "v2"},
           (10, 90): {"r-0": "v2", "r-1": "v2", "r-9": "v1"}}
FIRST, SECOND = "r-0", "r-14"   # with 90 and 10
QUIET = {"log_level": 0}


class Scene:
    """The topics of one test, with records as clients, workers and calibrators write them."""

    _number = 0

    def __init__(self, broker, producer):
        Scene._number += 1
        self.prefix = f"t{Scene._number}-"
        self.broker = broker
        self.producer = producer
        self.start = int(time.time() * 1000) - 3_600_000
        partitions = {"requests": 3, "urgent": 1, "results": 3, "replies": 2, "letters": 2, "boundaries": 1, "events": 1,
                      "cancellations": 1, "closed": 1, "batches": 2, "batch-letters": 2, "states": 1,
                      "decisions": 1, "adapters": 1}
        admin = AdminClient({"bootstrap.servers": broker, **QUIET})
        for created in admin.create_topics([NewTopic(self.prefix + name, n, 1) for name, n in partitions.items()]).values():
            created.result()
        self.boundaries = {}

    def write(self, topic, key, value, at, headers=None, producer=None, partition=None):
        """Writes a record {at} seconds after the start; returns (topic, partition, offset)."""
        places = []
        producer = producer or self.producer
        producer.produce(self.prefix + topic, key=key, value=value, timestamp=self.start + int(at * 1000), headers=headers or [],
                         on_delivery=lambda error, message: places.append((error, message)),
                         **({} if partition is None else {"partition": partition}))
        producer.flush(30)
        (error, message), = places
        if error is not None:
            raise AssertionError(error)
        return message.topic(), message.partition(), message.offset()

    def boundary(self, adapter, boundary, at, **fields):
        """Writes a boundary record, a tombstone for None; returns its offset."""
        value = None if boundary is None else json.dumps({"adapter": adapter, "boundary": boundary, **fields})
        return self.write("boundaries", adapter, value, at)[2]

    def version(self, name, number, at, **fields):
        """Writes a record of a version of an adapter; returns its offset."""
        value = {"source": f"file:{number}", "digest": VERSIONS[number], "base": BASE_DIGEST, **fields}
        return self.write("adapters", name, json.dumps(value), at)[2]

    def alias(self, name, at, sticky=None, **weights):
        """Writes a record of an alias for the names that are arguments, with their weights; returns its offset."""
        value = {"targets": [{"adapter": target, "weight": weight} for target, weight in weights.items()], "sticky": sticky}
        return self.write("adapters", name, json.dumps(value), at)[2]

    def removal(self, name, at):
        """Writes a tombstone of an adapter or alias; returns its offset."""
        return self.write("adapters", name, None, at)[2]

    def served(self, request, number, offset, name=None, alias_offset=None, at=101, **changes):
        """Writes the answer of a version to a request for the adapter, or for an alias of it if its name is given."""
        model = request[0]["model"]
        through = {} if name is None else {"alias": model, "alias_offset": alias_offset}
        fields = {"model": model, "adapter": name or model, "adapter_offset": offset, "adapter_digest": VERSIONS[number],
                  "boundary": LAYERS, **through, **changes}
        return self.answer(request, at=at, **fields)

    def request(self, model="red", at=100, topic="requests", headers=None, producer=None, **fields):
        value = {"id": f"r{Scene._number}", "model": model, "prompt": "secret text", **fields}
        value = {name: field for name, field in value.items() if field is not None}
        return value, self.write(topic, model, json.dumps(value), at, headers, producer)

    def answer(self, request, at=101, topic="results", headers=None, producer=None, partition=None, finish="stop", **changes):
        """Writes the answer of a request; fields of {changes} replace those of tidemark, or of the result for model and id."""
        value, source = request
        model = changes.pop("model", value["model"])
        adapter = {} if model == BASE else {"adapter_digest": DIGESTS.get(model), "boundary": LAYERS}
        provenance = {"source": dict(zip(("topic", "partition", "offset"), source)), "base_model": BASE, "num_layers": LAYERS,
                      "worker": "w", "attempt": 1, **adapter}
        if "boundary" in value:
            provenance["boundary"] = value["boundary"]
        ident = changes.pop("id", value.get("id") or "-".join(map(str, source)))
        tokens = changes.pop("tokens", 3)
        provenance = {name: field for name, field in {**provenance, **changes}.items() if field is not None}
        result = {
            "id": ident, "object": "text_completion", "created": self.start // 1000, "model": model,
            "choices": [{"index": 0, "text": "secret answer", "finish_reason": finish}],
            "usage": {"prompt_tokens": 2, "completion_tokens": tokens, "total_tokens": 2 + tokens, "cached_tokens": 0,
                      "prompt_tokens_details": {"cached_tokens": 0}},
            "tidemark": provenance}
        return self.write(topic, ident, json.dumps(result), at, headers, producer, partition)

    def error(self, request, code="invalid_json", at=101, letter=True, headers=None, topic="results"):
        """Writes an error result and, unless {letter} is false, its dead letter."""
        value, source = request
        ident = (value or {}).get("id") or "-".join(map(str, source))
        result = {"id": ident, "object": "error", "created": 1,
                  "error": {"type": "invalid_request_error", "code": code, "message": "m"},
                  "tidemark": {"source": dict(zip(("topic", "partition", "offset"), source)), "base_model": BASE, "worker": "w",
                               "attempt": 1}}
        self.write(topic, ident, json.dumps(result), at, headers)
        if letter:
            self.letter(source, code, at)

    def letter(self, source, code, at=101, topic="letters"):
        names = ("tidemark.source.topic", "tidemark.source.partition", "tidemark.source.offset")
        headers = [*zip(names, (str(part).encode() for part in source)), ("tidemark.error.code", code.encode()),
                   ("tidemark.error.message", b"m"), ("tidemark.size", b"3")]
        self.write(topic, None, b"{}", at, headers)

    def verifier(self, *arguments):
        p = self.prefix
        return verify.Verifier(verify.arguments([
            self.broker, "--requests", f"{p}requests,{p}urgent", "--results", p + "results", "--reply-topics", p + "replies",
            "--dead-letters", p + "letters", "--boundaries", p + "boundaries", "--events", p + "events",
            "--cancellations", p + "cancellations", "--unwritable-topics", p + "closed", "--validation-batches", p + "batches",
            "--validation-dead-letters", p + "batch-letters", "--calibration-state", p + "states",
            "--boundary-decisions", p + "decisions", "--staleness", "10",
            "--client", "log_level=0", *arguments]))


class VerifierTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.cluster = cls.enterClassContext(Cluster(folder))
        cls.producer = Producer({"bootstrap.servers": cls.cluster.clients, "linger.ms": 0, **QUIET})

    def setUp(self):
        self.scene = Scene(self.cluster.clients, self.producer)

    def transactional(self, name):
        producer = Producer({"bootstrap.servers": self.cluster.clients, "transactional.id": self.scene.prefix + name,
                             "linger.ms": 0, **QUIET})
        producer.init_transactions(30)
        producer.begin_transaction()
        return producer

    def check(self, expected, *arguments, verifier=None):
        """Verifies; {expected} are the kinds that must be found with their counts. Returns the report."""
        report = (verifier or self.scene.verifier(*arguments)).run()
        found = {kind: finding["count"] for kind, finding in report["findings"].items() if finding["count"]}
        self.assertEqual(expected, found, json.dumps(report["findings"], indent=1))
        self.assertEqual(not expected, report["ok"])
        self.assertNotIn("secret", json.dumps(report))
        return report

    def clean(self):
        """Everything that a correct worker does."""
        s = self.scene
        s.answer(s.request(BASE, at=1), at=2)
        s.answer(s.request("red", at=1), at=2)                                        # no record: full LoRA
        old = s.boundary("red", 6, at=10)
        s.answer(s.request("red", at=12), at=13, boundary=LAYERS)                     # not read yet
        s.answer(s.request("red", at=50), at=51, boundary=6, boundary_offset=old)
        new = s.boundary("red", 4, at=60, version={"adapter_digest": DIGESTS["red"], "base_model": BASE, "num_layers": LAYERS})
        s.answer(s.request("red", at=59), at=90, boundary=6, boundary_offset=old)     # admitted before
        s.answer(s.request("red", at=59), at=90, boundary=4, boundary_offset=new)     # read after
        s.answer(s.request("red", at=65), at=66, boundary=6, boundary_offset=old)     # within the staleness
        s.answer(s.request("red", at=90), at=91, boundary=4, boundary_offset=new)
        s.answer(s.request("red", at=90, boundary=2), at=91)
        s.boundary("red", None, at=100)
        s.answer(s.request("red", at=120), at=121)
        s.boundary("blue", 3, at=100, version={"adapter_digest": "cc" * 32})                       # of another version
        s.answer(s.request("blue", at=120), at=121)
        s.answer(s.request("blue", at=120, id=None), at=121)
        s.answer(s.request("blue", at=120, topic="urgent"), at=121)
        s.answer(s.request("blue", at=120, timeout_ms=1000), at=121, finish="deadline")
        s.answer(s.request("blue", at=120, id="waited", timeout_ms=1000), at=121, finish="deadline", tokens=0, boundary=None)
        s.answer(s.request("blue", at=120, id="stopped"), at=130, finish="cancelled")
        s.write("cancellations", "stopped", json.dumps({"id": "stopped"}), at=125)
        by_source = s.request("blue", at=120)
        s.write("cancellations", None, json.dumps({"source": dict(zip(("topic", "partition", "offset"), by_source[1]))}), at=125)
        s.answer(by_source, at=130, finish="cancelled")
        for value in (b"{", None, b"\xff", b"[]", b'{"model": "red"}', b'{"model": "red", "prompt": "a", "n": 0}'):
            s.error((None, s.write("requests", "red", value, at=120)))
        s.error(s.request("unknown", at=120), "unknown_adapter")
        reply = [("kafka_replyTopic", (s.prefix + "replies").encode()), ("kafka_correlationId", b"\x01\xff")]
        s.answer(s.request("blue", at=120, headers=reply), at=121, topic="replies", headers=reply[1:])
        reply = [("REPLY_TOPIC", (s.prefix + "replies").encode()), ("REPLY_PARTITION", b"\0\0\0\1")]
        s.answer(s.request("blue", at=120, headers=reply), at=121, topic="replies", partition=1)
        s.error(s.request("blue", at=120, headers=[("REPLY_TOPIC", b"elsewhere")]), "reply_topic_not_allowed")
        s.write("events", "r", json.dumps({"id": "r", "attempt": 1, "choice": 0, "sequence": 0, "text": "secret"}), at=1)
        # aborted transactions leave records and markers
        aborted = self.transactional("client")
        s.request("red", at=120, producer=aborted)
        aborted.abort_transaction(30)
        answered = s.request("blue", at=120)
        worker = self.transactional("worker")
        s.answer(answered, at=121, producer=worker)
        worker.abort_transaction(30)
        worker.begin_transaction()
        s.answer(answered, at=121, producer=worker)
        worker.commit_transaction(30)

    def test_clean(self):
        self.clean()
        report = self.check({}, "--adapter-digest", f"red={DIGESTS['red']}")
        self.assertEqual(28, report["requests"])
        self.assertIn({"model": "red", "boundary": 4, "count": 2}, report["answers"])
        self.assertEqual({"invalid_json": 6, "reply_topic_not_allowed": 1, "unknown_adapter": 1}, report["errors"])

    def test_loss(self):
        self.clean()
        _, (topic, partition, offset) = self.scene.request(id="lost")
        report = self.check({"missing": 1})
        self.assertEqual([f"request {topic}-{partition}-{offset} 'lost'"], report["findings"]["missing"]["first"])

    def test_loss_of_one_of_two_records_with_one_id(self):
        self.scene.answer(self.scene.request(BASE, id="same"))
        self.scene.request(BASE, id="same")
        self.check({"missing": 1})

    def test_repeated(self):
        self.clean()
        request = self.scene.request(BASE)
        self.scene.answer(request)
        self.scene.answer(request)
        self.scene.answer(request)
        self.check({"repeated": 1})

    def test_repeated_on_a_reply_topic(self):
        reply = [("kafka_replyTopic", (self.scene.prefix + "replies").encode())]
        request = self.scene.request(BASE, headers=reply)
        self.scene.answer(request, topic="replies")
        self.scene.answer(request)
        self.check({"repeated": 1})

    def test_repeated_as_error_and_answer(self):
        request = self.scene.request(BASE)
        self.scene.answer(request)
        self.scene.error(request, letter=False)
        self.check({"repeated": 1})

    def test_unknown_request(self):
        s = self.scene
        client = self.transactional("client")
        aborted = s.request(BASE, producer=client)
        client.abort_transaction(30)
        s.answer(aborted)
        for place in ((s.prefix + "requests", 0, 4711), (s.prefix + "requests", 99, 0), ("elsewhere", 0, 0)):
            s.answer(({"model": BASE, "id": "r"}, place))
        self.check({"unknown_request": 4})

    def test_no_source(self):
        s = self.scene
        s.answer(s.request(BASE), source={"topic": "t", "partition": "0", "offset": 1})
        self.check({"no_source": 1, "out_of_schema": 1, "missing": 1})

    def test_out_of_schema(self):
        s = self.scene
        s.answer(s.request(BASE), finish="bored")
        s.answer(s.request(BASE), worker=None)
        s.write("results", None, b"{", at=101)
        s.write("results", None, None, at=101)
        self.check({"out_of_schema": 4})

    def test_wrong_types_are_out_of_schema_and_do_not_end_the_verifier(self):
        s = self.scene
        request = s.request(BASE)
        provenance = {"source": dict(zip(("topic", "partition", "offset"), request[1])), "boundary": [1], "boundary_offset": {},
                      "num_layers": "8", "adapter_digest": 3, "base_model": []}
        s.write("results", None, json.dumps({"id": [], "model": {}, "error": {"code": []}, "choices": 3, "usage": [],
                                             "tidemark": provenance}), at=101)
        report = s.verifier().run()
        self.assertEqual(1, report["findings"]["out_of_schema"]["count"])

    def test_wrong_boundary(self):
        s = self.scene
        first = s.boundary("red", 6, at=10)
        blue = s.boundary("blue", 5, at=10)
        s.answer(s.request(), boundary=5, boundary_offset=first)               # not that of the record
        s.answer(s.request(), boundary=5, boundary_offset=blue)                # the record of another adapter
        s.answer(s.request(), boundary=6, boundary_offset=4711)                # no record
        s.answer(s.request(), boundary=LAYERS)                                 # full LoRA, although a record applied
        s.answer(s.request(), boundary=6)                                      # no offset
        s.answer(s.request(boundary=3), boundary=2)                            # not that of the request
        s.answer(s.request(boundary=6), boundary=6, boundary_offset=first)     # an offset, although the request chose
        s.answer(s.request(), boundary=None)                                   # none
        s.answer(s.request(BASE), boundary=6)                                  # of the base model
        self.check({"wrong_boundary": 9})

    def test_wrong_boundary_of_a_record_that_does_not_apply(self):
        s = self.scene
        for number, fields in enumerate(({"adapter_digest": "cc" * 32}, {"base_model": "other"}, {"num_layers": LAYERS + 1})):
            s.answer(s.request(at=100 + number * 20), at=101 + number * 20, boundary=6,
                     boundary_offset=s.boundary("red", 6, at=50 + number * 20, version=fields))
        tombstone = s.boundary("red", None, at=150)
        s.answer(s.request(at=200), at=201, boundary=LAYERS, boundary_offset=tombstone)
        broken = s.write("boundaries", "red", b'{"adapter": "blue", "boundary": 6}', at=210)[2]
        s.answer(s.request(at=230), at=231, boundary=6, boundary_offset=broken)
        self.check({"wrong_boundary": 5})

    def test_wrong_boundary_of_a_record_for_another_base_model(self):
        offset = self.scene.boundary("red", 6, at=50, version={"base_digest": "dd" * 32})
        self.scene.answer(self.scene.request(), boundary=6, boundary_offset=offset)
        self.check({})
        self.check({}, "--base-digest", "dd" * 32)
        self.check({"wrong_boundary": 1}, "--base-digest", "ee" * 32)

    def test_wrong_boundary_from_the_future(self):
        offset = self.scene.boundary("red", 6, at=200)
        self.scene.answer(self.scene.request(at=100), at=101, boundary=6, boundary_offset=offset)
        self.check({"wrong_boundary": 1})

    def test_stale_boundary(self):
        s = self.scene
        old = s.boundary("red", 6, at=10)
        s.boundary("red", 4, at=80)
        s.answer(s.request(at=89), at=95, boundary=6, boundary_offset=old)
        s.answer(s.request(at=91), at=95, boundary=6, boundary_offset=old)
        self.check({"stale_boundary": 1})
        self.check({}, "--staleness", "30")

    def test_stale_boundary_after_a_tombstone(self):
        s = self.scene
        old = s.boundary("red", 6, at=10)
        s.boundary("red", None, at=80)
        s.answer(s.request(at=100), at=101, boundary=6, boundary_offset=old)
        self.check({"stale_boundary": 1})

    def test_wrong_adapter(self):
        s = self.scene
        s.answer(s.request("red"), model="blue")
        s.answer(s.request("red"), adapter_digest=None, boundary=None)
        s.answer(s.request(BASE), adapter_digest=DIGESTS["red"], boundary=LAYERS)
        self.check({"wrong_adapter": 3})

    def test_wrong_version_of_an_adapter(self):
        self.scene.answer(self.scene.request("red"), adapter_digest="cc" * 32)
        self.check({"wrong_adapter": 1}, "--adapter-digest", f"red={DIGESTS['red']}")

    def adapter_options(self, *more):
        return ("--adapters", self.scene.prefix + "adapters", "--folders", "red,blue", "--base-digest", BASE_DIGEST, *more)

    def test_versions_that_are_right(self):
        s = self.scene
        s.answer(s.request("red", at=5), at=6, adapter="red")                         # a folder of the settings
        s.error(s.request("v1", at=10), "unknown_adapter")
        first = s.version("v1", 1, at=20)
        s.error(s.request("v1", at=25), "unknown_adapter", at=26)                     # not read yet
        s.served(s.request("v1", at=21), 1, first, at=22)
        s.write("adapters", "v1", b"{", at=40)
        s.version("v1", 2, at=41, labels={"unusable": "another digest"})
        s.version("v1", 3, at=42, base="dd" * 32)
        s.served(s.request("v1", at=60), 1, first, at=61)                             # none of the three has an effect
        s.error(s.request("v1", at=60), "adapter_unusable", at=61)                    # of a process that has started later
        second = s.version("v1", 4, at=70)
        s.served(s.request("v1", at=75), 1, first, at=76)                             # not in memory yet
        s.served(s.request("v1", at=100), 4, second)
        s.served(s.request("v1", at=69), 1, first, at=200)                            # admitted before
        s.error(s.request("v1", at=100, prompt=None), "missing_field")
        s.removal("v1", at=110)
        s.served(s.request("v1", at=115), 4, second, at=116)
        s.error(s.request("v1", at=150), "unknown_adapter", at=151)
        third = s.version("v1", 5, at=160)
        s.served(s.request("v1", at=175), 5, third, at=176)
        s.answer(s.request(BASE, at=175), at=176)
        report = self.check({}, *self.adapter_options())
        self.assertEqual({"adapter_unusable": 1, "missing_field": 1, "unknown_adapter": 3}, report["errors"])

    def test_a_record_replaces_a_folder_until_a_tombstone_and_a_restart(self):
        s = self.scene
        replaced = s.version("red", 1, at=10)
        s.answer(s.request("red", at=15), at=16, adapter="red")                       # not read yet
        s.served(s.request("red", at=30), 1, replaced, at=31)
        s.removal("red", at=50)
        s.error(s.request("red", at=100), "unknown_adapter")
        s.answer(s.request("red", at=100), adapter="red")                             # by a process that has started later
        self.check({}, *self.adapter_options())

    def test_choices_of_an_alias_that_are_right(self):
        s = self.scene
        offsets = {"v1": s.version("v1", 1, at=1), "v2": s.version("v2", 2, at=1)}
        numbers = {"v1": 1, "v2": 2}
        at = 20
        for (one, two), targets in CHOICES.items():
            alias = s.alias("extract", at, v1=one, v2=two)
            for ident, target in targets.items():
                s.served(s.request("extract", at=at + 15, id=ident), numbers[target], offsets[target], target, alias, at=at + 16)
            at += 20
        sticky = s.alias("extract", at, sticky="user", v1=90, v2=10)
        for user, target in CHOICES[90, 10].items():
            s.served(s.request("extract", at=at + 15, id="another", user=user), numbers[target], offsets[target], target, sticky,
                     at=at + 16)
        s.served(s.request("extract", at=at + 15, id=SECOND), 2, offsets["v2"], "v2", sticky, at=at + 16)   # has no user
        self.check({}, *self.adapter_options())

    def test_wrong_version(self):
        s = self.scene
        first, other = s.version("v1", 1, at=10), s.version("v2", 2, at=10)
        second = s.version("v1", 3, at=95)
        bad = [s.version("v1", 4, at=96, labels={"unusable": "x"}), s.version("v1", 5, at=96, base="dd" * 32)]
        alias = s.alias("extract", 10, v1=1)
        s.served(s.request("v1"), 1, second)                                           # the digest of another record
        s.served(s.request("v1"), 2, other)                                            # the record of another name
        s.served(s.request("v1"), 1, 4711)                                             # no record
        s.served(s.request("v1"), 1, None)                                             # no offset, and no folder
        s.served(s.request("v1"), 4, bad[0])                                           # can't be loaded
        s.served(s.request("v1"), 5, bad[1])                                           # for another base model
        s.served(s.request("v1"), 1, first, adapter=None)                              # names no adapter
        s.served(s.request("v1"), 2, other, adapter="v2")                              # another adapter, without an alias
        s.served(s.request("v1"), 1, first, "v1", alias, alias="extract")              # an alias that was not asked for
        s.served(s.request("extract"), 1, first, "v1", first)                          # the record of an adapter
        s.served(s.request("v1", at=50), 3, second, at=51)                             # newer than the result
        report = self.check({"wrong_version": 11}, *self.adapter_options())
        self.assertIn("has " + VERSIONS[3], report["findings"]["wrong_version"]["first"][0])

    def test_stale_version(self):
        s = self.scene
        first = s.version("v1", 1, at=10)
        s.version("v1", 2, at=50)
        s.served(s.request("v1", at=59), 1, first, at=65)
        s.served(s.request("v1", at=61), 1, first, at=65)                              # replaced
        third = s.version("v1", 3, at=70)
        s.removal("v1", at=80)
        s.served(s.request("v1", at=91), 3, third, at=95)                              # removed
        s.version("red", 4, at=10)
        s.answer(s.request("red", at=21), at=22, adapter="red")                        # a folder that was replaced
        one = s.alias("extract", 10, v2=1)
        s.alias("extract", 20, v2=2)
        target = s.version("v2", 5, at=10)
        s.served(s.request("extract", at=31), 5, target, "v2", one, at=32)             # weights that were replaced
        self.check({"stale_version": 4}, *self.adapter_options())
        self.check({}, *self.adapter_options("--staleness", "20"))

    def test_wrong_choice(self):
        s = self.scene
        first, second = s.version("v1", 1, at=1), s.version("v2", 2, at=1)
        alias = s.alias("extract", 10, v1=90, v2=10)
        s.served(s.request("extract", id=SECOND), 1, first, "v1", alias)               # not the largest
        s.served(s.request("extract", id=SECOND), 2, second, "v2", alias)
        sticky = s.alias("sticky", 10, sticky="user", v1=90, v2=10)
        s.served(s.request("sticky", id=SECOND, user=FIRST), 2, second, "v2", sticky)  # by its id in place of its user
        zero = s.alias("zero", 10, v1=0, v2=1)
        s.served(s.request("zero"), 1, first, "v1", zero)                              # has no weight
        self.check({"wrong_choice": 3}, *self.adapter_options())

    def test_wrong_absence(self):
        s = self.scene
        s.version("v1", 1, at=10)
        s.error(s.request("v1", at=21), "unknown_adapter", at=22)                      # it is there
        s.error(s.request("v1", at=21), "adapter_unusable", at=22)
        s.error(s.request("red", at=21), "unknown_adapter", at=22)                     # a folder
        s.alias("extract", 10, v1=1, absent=1)                                         # r-1 and r-0
        s.error(s.request("extract", at=21, id="r-1"), "unknown_adapter", at=22)  # of the target that is there
        s.error(s.request("extract", at=21, id="r-0"), "unknown_adapter", at=22)
        s.error(s.request("nowhere", at=21), "adapter_unusable", at=22)                # nothing that could be unusable
        s.version("bad", 2, at=10, labels={"unusable": "x"})
        s.error(s.request("bad", at=21), "unknown_adapter", at=22)                     # it is known
        s.error(s.request("bad", at=21), "adapter_unusable", at=22)
        report = self.check({"wrong_absence": 6}, *self.adapter_options())
        self.assertEqual(8, report["requests"])
        self.check({})

    def test_the_boundary_of_an_alias_is_that_of_its_target(self):
        s = self.scene
        version, alias = s.version("v1", 1, at=1), s.alias("extract", 1, v1=1)
        boundary = s.boundary("v1", 6, at=10)
        s.served(s.request("extract"), 1, version, "v1", alias, boundary=6, boundary_offset=boundary)
        s.served(s.request("extract"), 1, version, "v1", alias)
        self.check({"wrong_boundary": 1}, *self.adapter_options())

    def test_wrong_id(self):
        self.scene.answer(self.scene.request(BASE), id="other")
        self.check({"wrong_id": 1})

    def test_wrong_destination(self):
        s = self.scene
        to_replies = ("kafka_replyTopic", (s.prefix + "replies").encode())
        s.answer(s.request(BASE), topic="replies")
        s.answer(s.request(BASE, headers=[to_replies]))
        s.answer(s.request(BASE, headers=[to_replies, ("kafka_replyPartition", b"\0\0\0\1")]), topic="replies", partition=0)
        s.answer(s.request(BASE, headers=[("correlation-id", b"7")]), headers=[("correlation-id", b"8")])
        s.answer(s.request(BASE, headers=[("kafka_replyTopic", b"elsewhere")]))
        self.check({"wrong_destination": 5})

    def test_unwritable_topic(self):
        s = self.scene
        closed = [("kafka_replyTopic", (s.prefix + "closed").encode()), ("kafka_correlationId", b"\x07")]
        s.error(s.request(BASE, headers=closed), "reply_topic_failed", headers=closed[1:])
        s.error((None, s.write("requests", None, b"{", at=100, headers=closed)), "reply_topic_failed", headers=closed[1:])
        s.answer(s.request(BASE, headers=closed), topic="closed", headers=closed[1:])   # before it was closed
        worker = self.transactional("worker")
        s.answer(s.request(BASE), topic="closed", producer=worker)
        with mock.patch.object(verify, "TRANSACTION_SECONDS", 0):
            self.check({"missing": 1})                                         # and its transaction never ends
        worker.abort_transaction(30)

    def test_wrong_result_of_an_unwritable_topic(self):
        s = self.scene
        closed = [("kafka_replyTopic", (s.prefix + "closed").encode())]
        s.answer(s.request(BASE, headers=closed))                              # an answer, not the error
        s.error(s.request(BASE, headers=closed), "internal_error")             # another error
        s.error(s.request(BASE, headers=closed), "reply_topic_failed", letter=False)
        s.error(s.request(BASE), "reply_topic_failed")                         # named no topic
        open_topic = [("kafka_replyTopic", (s.prefix + "replies").encode())]
        s.error(s.request(BASE, headers=open_topic), "reply_topic_failed", topic="replies")   # named one that can be written
        self.check({"wrong_destination": 4, "error_without_dead_letter": 1})

    def test_wrong_end(self):
        s = self.scene
        s.answer(s.request(BASE, id="again", at=100), finish="cancelled")
        s.write("cancellations", "again", json.dumps({"id": "again"}), at=99)      # of an earlier request with this id
        s.answer(s.request(BASE, at=100), finish="deadline")                       # has none
        s.answer(s.request(BASE, at=100, timeout_ms=5000), at=103, finish="deadline")
        self.check({"wrong_end": 3})

    def test_wrong_format(self):
        s = self.scene
        s.answer(s.request(BASE, structured_outputs={"choice": ["yes", "secret answer"]}))
        s.answer(s.request(BASE, structured_outputs={"choice": ["yes", "no"]}))                      # has another text
        s.answer(s.request(BASE, structured_outputs={"json": {"enum": ["secret answer", 3]}}))      # is not JSON
        s.answer(s.request(BASE, structured_outputs={"choice": ["yes"]}), finish="length")
        s.answer(s.request(BASE, structured_outputs={"choice": ["yes"]}, stop=[" the"]))
        s.answer(s.request(BASE, structured_outputs={"regex": "a"}))                                # not checked
        self.check({"wrong_format": 2})

    def test_bad_request_answered(self):
        s = self.scene
        s.answer(s.request(BASE, max_tokens=0))
        s.answer(({"model": BASE}, s.write("requests", None, b"{", at=100)))
        self.check({"bad_request_answered": 2})

    def test_unplanted_crash(self):
        s = self.scene
        s.error(s.request(BASE, id="planted"), "worker_crashed")
        s.error(s.request(BASE, id=None), "worker_crashed")
        s.error(s.request(BASE, id="innocent"), "worker_crashed")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("planted\n")
            file.flush()
            report = self.check({"worker_crashed": 2}, "--planted-crashes", file.name)
        self.assertEqual({"named": 1, "crashed": 1}, report["planted"])

    def test_wrong_outcome(self):
        s = self.scene
        s.error(s.request(BASE, id="refused"), "context_length_exceeded")
        s.error(s.request(BASE, id="failed"), "grammar_failed")                      # may be refused only
        s.answer(s.request(BASE, id="answered"))                                     # may be refused only
        s.answer(s.request(BASE, id="ended"), finish="length")
        s.answer(s.request(BASE, id="not ended"), finish="stop")                     # must have ended at its length
        s.error(s.request(BASE, id="another tenant"), "formats_busy")
        s.error(s.request(BASE, id="other error"), "grammar_failed")                 # of a request that is not named
        s.request(BASE, id="lost")
        lines = ["refused\tcontext_length_exceeded", "failed\tformat_too_large,formats_busy", "answered\tcontext_length_exceeded",
                 "ended\tlength", "not ended\tdeadline,length", "lost\tlength"]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("\n".join(lines))
            file.flush()
            report = self.check({"wrong_outcome": 4, "missing": 1}, "--outcomes", file.name)
        self.assertIn("grammar_failed", report["findings"]["wrong_outcome"]["first"][0])
        self.check({"missing": 1})

    def test_error_without_dead_letter(self):
        self.scene.error(self.scene.request(BASE), letter=False)
        self.check({"error_without_dead_letter": 1})

    def test_dead_letter_without_error(self):
        s = self.scene
        request = s.request(BASE)
        s.answer(request)
        s.letter(request[1], "internal_error")
        s.letter(s.request(BASE)[1], "internal_error")
        s.letter((s.prefix + "requests", 0, 4711), "internal_error")
        s.write("letters", None, b"{}", at=101)
        self.check({"dead_letter_without_error": 4, "missing": 1, "dead_letter_wrong": 1})

    def test_dead_letter_repeated(self):
        request = self.scene.request(BASE)
        self.scene.error(request)
        self.scene.letter(request[1], "invalid_json")
        self.check({"dead_letter_repeated": 1})

    def test_dead_letter_with_another_error(self):
        request = self.scene.request(BASE)
        self.scene.error(request, letter=False)
        self.scene.letter(request[1], "out_of_range")
        self.check({"dead_letter_wrong": 1})

    def test_event_out_of_schema(self):
        self.scene.write("events", "r", b'{"id": "r"}', at=1)
        self.check({"event_out_of_schema": 1})

    def test_waits_for_a_result(self):
        request = self.scene.request(BASE)
        verifier = self.scene.verifier("--wait", "120")
        waiting = threading.Event()
        unanswered = verifier._unanswered

        def watched():
            waiting.set()
            return unanswered()

        with mock.patch.object(verifier, "_unanswered", watched):
            answering = threading.Thread(target=lambda: waiting.wait(60) and self.scene.answer(request))
            answering.start()
            self.check({}, verifier=verifier)
            answering.join()

    def test_ignores_requests_that_are_written_while_it_reads(self):
        s = self.scene
        s.answer(s.request(BASE))
        verifier = s.verifier()
        take = verifier._take

        def with_traffic(message):
            take(message)
            if verifier.counts.total() == 1:
                s.answer(s.request(BASE))
                s.request(BASE)

        with mock.patch.object(verifier, "_take", with_traffic):
            report = self.check({}, verifier=verifier)
        self.assertEqual((1, 1), (report["requests"], report["later"]))

    def test_transaction_that_does_not_end(self):
        worker = self.transactional("worker")
        self.scene.answer(self.scene.request(BASE), producer=worker)
        with mock.patch.object(verify, "TRANSACTION_SECONDS", 1):
            self.check({"missing": 1, "open_transaction": 1})
        worker.commit_transaction(30)
        self.check({})

    def test_command_line(self):
        s = self.scene
        s.answer(s.request(BASE))
        options = [s.broker, "--requests", s.prefix + "requests", "--results", s.prefix + "results", "--dead-letters",
                   s.prefix + "letters", "--boundaries", s.prefix + "boundaries", "--client", "log_level=0"]
        code, out, _ = self.main(options)
        self.assertEqual(0, code)
        self.assertIn("nothing is wrong", out)
        for lost in range(3):
            s.request(BASE, id=f"lost-{lost}")
        code, out, _ = self.main([*options, "--offenders", "2"])
        self.assertEqual(1, code)
        self.assertIn("3 requests without a result", out)
        self.assertIn("and 1 more", out)
        code, out, _ = self.main([*options, "--json"])
        self.assertEqual((1, 3), (code, json.loads(out)["findings"]["missing"]["count"]))
        code, _, err = self.main([*options, "--events", "no-such-topic"])
        self.assertEqual(2, code)
        self.assertIn("no topic no-such-topic", err)

    @staticmethod
    def main(options):
        # sys.stdout of the command line has reconfigure()
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = verify.main(options)
        out.flush()
        return code, out.buffer.getvalue().decode(), err.getvalue()


if __name__ == "__main__":
    unittest.main()
