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
                      "decisions": 1}
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

    def request(self, model="red", at=100, topic="requests", headers=None, producer=None, **fields):
        value = {"id": f"r{Scene._number}", "model": model, "prompt": "secret text", **fields}
        value = {name: field for name, field in value.items() if field is not None}
        return value, self.write(topic, model, json.dumps(value), at, headers, producer)

    def answer(self, request, at=101, topic="results", headers=None, producer=None, partition=None, finish="stop", **changes):
        """Writes the answer of a request; fields of {changes} replace those of tidemark, or of the result for model and id."""
        value, source = request
        model = changes.pop("model", value["model"])
        adapter = {} if model == BASE else {"adapter_digest": DIGESTS[model], "boundary": LAYERS}
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
