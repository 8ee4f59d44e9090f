#!/usr/bin/env python3
"""Verifies that every request record has one correct result. Shares no code with the workers.

    pip install -r tools/delivery/requirements.txt
    python tools/delivery/verify.py localhost:9092 --wait 120

Reads all topics from their beginning to their current end with librdkafka (`read_committed`). Matches a result with the
record of its request by `tidemark.source`. Exit codes: 0 nothing wrong, 1 something wrong, 2 could not verify.
docs/reliability.md describes what is checked.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import time

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

import calibration
from records import (ALIAS, STORED, TOMBSTONE, AdapterRow, AdapterTable, BoundaryTable, Request, Result, Row, Schema,
                     last_header, parse_json, place, source_of, text)

# the broker answers no fetch for so long: it is down
SILENCE_SECONDS = 60
# a transaction of a dead process ends after its timeout of 10 s and the coordinator's scan of 10 s
TRANSACTION_SECONDS = 30
LEADER_CHANGES = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.FENCED_LEADER_EPOCH,
                  KafkaError.UNKNOWN_LEADER_EPOCH)
SHOWN_ANSWERS = 100   # models and boundaries of a summary
EARLIEST, COMMITTED, ALL = "earliest", "committed", "all"

KINDS = {
    "missing": "requests without a result",
    "repeated": "requests with more than one result",
    "unknown_request": "results of records that do not exist",
    "no_source": "results without a valid tidemark.source",
    "out_of_schema": "results out of schema",
    "wrong_id": "results with another id or key",
    "wrong_destination": "results on another topic, partition or with other correlation headers",
    "wrong_adapter": "results of another adapter, or of another version of it",
    "wrong_version": "results of a version that is not that of the adapter record at their offset",
    "stale_version": "results of a version that was removed or replaced too long before",
    "wrong_choice": "results of another target of an alias than its weights give",
    "wrong_absence": "errors for an adapter that had a version",
    "wrong_boundary": "results with a boundary that is not the request's or the table's",
    "stale_boundary": "results with a boundary that was replaced too long before",
    "wrong_end": "results cut without a reason",
    "wrong_format": "finished answers that the format of the request does not permit",
    "wrong_outcome": "results with an outcome that the sender does not expect",
    "bad_request_answered": "invalid requests with an answer",
    "worker_crashed": "results worker_crashed of requests that were not planted",
    "error_without_dead_letter": "error results without a dead letter",
    "dead_letter_without_error": "dead letters without an error result",
    "dead_letter_repeated": "dead letters of a request that has one",
    "dead_letter_wrong": "dead letters with invalid headers or another error",
    "event_out_of_schema": "events out of schema",
    "open_transaction": "partitions with a transaction that does not end; what follows it is not verified",
    **calibration.KINDS,
}

# a request with one of the headers of a row has those of this row only
REPLY_HEADERS = (("kafka_replyTopic", "kafka_replyPartition"), ("REPLY_TOPIC", "REPLY_PARTITION"))
REPLY_REFUSALS = ("reply_topic_not_allowed", "invalid_reply_partition")
REPLY_FAILED = "reply_topic_failed"
# what only senders of costly formats may get
BUSY = "formats_busy"
UNKNOWN, UNUSABLE = "unknown_adapter", "adapter_unusable"


class Unverifiable(Exception):
    """The topics cannot be read, so nothing is known about them."""


class Topics:
    """All records of some topics, and how far they have been read."""

    def __init__(self, client, names):
        quiet = {"log_level": 2, **client}
        self._admin = AdminClient(quiet)
        self._consumer = Consumer({
            "group.id": "delivery-verifier", "enable.auto.commit": False, "enable.partition.eof": True,
            "isolation.level": "read_committed", "auto.offset.reset": "error", "queued.max.messages.kbytes": 16384, **quiet})
        known = self._consumer.list_topics(timeout=30).topics
        absent = [name for name in names if name not in known]
        if absent:
            raise Unverifiable(f"no topic {', '.join(absent)}")
        self.partitions = {name: len(known[name].partitions) for name in names}
        everything = [(name, partition) for name in names for partition in known[name].partitions]
        self.first = self._offsets(everything, EARLIEST)
        self.positions = dict(self.first)
        self._consumer.assign([TopicPartition(*p, offset) for p, offset in self.positions.items()])

    def ends(self, kind, names=None):
        """The end offsets: of committed records (COMMITTED), or with those of open transactions (ALL)."""
        return self._offsets([p for p in self.positions if names is None or p[0] in names], kind)

    def read(self, seconds):
        """Records that arrive within a time; updates {positions}."""
        records = []
        for message in self._consumer.consume(500, seconds):
            at = message.topic(), message.partition()
            if message.error() is None:
                self.positions[at] = message.offset() + 1
                records.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:   # its offset is past the markers of transactions
                self.positions[at] = max(self.positions[at], message.offset())
            elif not message.error().retriable() and message.error().code() != KafkaError._TRANSPORT:
                raise Unverifiable(f"cannot read {message.topic()}: {message.error()}")
        return records

    def unread(self, ends):
        return {p: end for p, end in ends.items() if self.positions[p] < end}

    def close(self):
        self._consumer.close()

    def _offsets(self, partitions, kind):
        spec = OffsetSpec.earliest() if kind == EARLIEST else OffsetSpec.latest()
        isolation = IsolationLevel.READ_UNCOMMITTED if kind == ALL else IsolationLevel.READ_COMMITTED
        until = time.monotonic() + SILENCE_SECONDS
        while True:
            futures = self._admin.list_offsets({TopicPartition(*p): spec for p in partitions}, isolation_level=isolation,
                                               request_timeout=30)
            try:
                return {(p.topic, p.partition): future.result().offset for p, future in futures.items()}
            except KafkaException as e:
                # after the creation of a topic or the start of a broker
                if e.args[0].code() not in LEADER_CHANGES or time.monotonic() > until:
                    raise
                time.sleep(0.2)


class Findings:
    """What is wrong: a count of each kind, and the first offenders."""

    def __init__(self, shown):
        self._shown = shown
        self.counts = dict.fromkeys(KINDS, 0)
        self.first = {kind: [] for kind in KINDS}

    def add(self, kind, text):
        self.counts[kind] += 1
        if len(self.first[kind]) < self._shown:
            self.first[kind].append(text)


class Verifier:
    """Collects the records of all topics, then judges each request."""

    def __init__(self, options):
        self.options = options
        self.found = Findings(options.offenders)
        self.requests = {}                                   # (topic, partition) -> offset -> Request
        self.results = collections.defaultdict(dict)         # (topic, partition) -> offset -> Result, by source
        self.letters = collections.defaultdict(dict)         # (topic, partition) -> offset -> code, by source
        self.repeated = collections.defaultdict(list)        # source -> places of all results, if more than one
        self.table = BoundaryTable()
        self.adapters = AdapterTable()
        self.cancelled_ids, self.cancelled_sources = {}, set()
        self.counts = collections.Counter()                  # topic -> records
        self.later = 0
        self.planted = set()
        self.outcomes = {}                                   # id -> permitted error codes and finish reasons
        self._schemas = {name: Schema(name)
                         for name in ("request", "result", "boundary-record", "dead-letter-headers", "event", "validation-batch",
                                      "calibration-state", "boundary-decision", "adapter-record")}
        self._result_topics = [options.results, *options.reply_topics, *options.unwritable_topics]
        self._calibration_topics = [options.validation_batches, options.validation_dead_letters, options.calibration_state,
                                    options.boundary_decisions] \
            if options.validation_batches else []
        self._calibrations = calibration.Calibrations(self._schemas)
        self._optional = [topic for topic in (options.events, options.cancellations, options.adapters, *self._calibration_topics)
                          if topic]

    def run(self):
        """Reads and judges; returns the report."""
        started = time.monotonic()
        if self.options.planted_crashes:
            lines = pathlib.Path(self.options.planted_crashes).read_text("utf-8").splitlines()
            self.planted = {line.strip() for line in lines if line.strip()}
        if self.options.outcomes:
            lines = pathlib.Path(self.options.outcomes).read_text("utf-8").splitlines()
            self.outcomes = {ident: frozenset(outcomes.split(",")) for ident, outcomes in (line.split("\t") for line in lines if line)}
        topics = Topics(self.options.client, [*self.options.requests, *self._result_topics, self.options.dead_letters,
                                              self.options.boundaries, *self._optional])
        try:
            self._collect(topics, started + self.options.wait)
        finally:
            topics.close()
        self._judge()
        return self._report(time.monotonic() - started)

    def _collect(self, topics, until):
        if topics.partitions[self.options.boundaries] != 1:
            raise Unverifiable(f"{self.options.boundaries} has more than one partition, so its last record is not defined")
        if topics.partitions.get(self.options.adapters, 1) != 1:
            raise Unverifiable(f"{self.options.adapters} has more than one partition, so its last record is not defined")
        self._partitions = topics.partitions
        self._first = topics.first
        known = topics.ends(COMMITTED, [*self.options.requests, self.options.validation_batches])
        self._ends = {p: end for p, end in known.items() if p[0] in self.options.requests}
        self._batch_ends = {p: end for p, end in known.items() if p not in self._ends}
        self.requests = {p: {} for p in self._ends}
        self._read_committed(topics)
        while (self._unanswered() or self._calibrations.open()) and time.monotonic() < until:
            for message in topics.read(min(1.0, until - time.monotonic())):
                self._take(message)
        self._read_open(topics, max(until, time.monotonic() + TRANSACTION_SECONDS))
        self._known_ends = topics.ends(ALL, self.options.requests)

    def _read_committed(self, topics):
        """Reads the records that are committed now."""
        ends, heard = topics.ends(COMMITTED), time.monotonic()
        while topics.unread(ends):
            for message in topics.read(0.5):
                self._take(message)
                heard = time.monotonic()
            if time.monotonic() > heard + SILENCE_SECONDS:
                raise Unverifiable(f"no record for {SILENCE_SECONDS} s; not read to the end: {sorted(topics.unread(ends))}")

    def _read_open(self, topics, until):
        """
        Reads the records of the transactions that are open now. The records of one transaction do not become visible at
        once: a result can be visible before its dead letter.
        """
        # an unwritable topic may refuse the marker that ends a transaction
        ends = {p: end for p, end in topics.ends(ALL).items() if p[0] not in self.options.unwritable_topics}
        while (unread := topics.unread(ends)) and time.monotonic() < until:
            for message in topics.read(0.5):
                self._take(message)
        for topic, partition in sorted(unread):
            self.found.add("open_transaction", f"{topic}-{partition}, from offset {topics.positions[topic, partition]}")

    def _unanswered(self):
        return any(offset not in self.results[p] for p, records in self.requests.items() for offset in records)

    # records

    def _take(self, message):
        topic = message.topic()
        self.counts[topic] += 1
        if topic in self.options.requests:
            self._take_request(message)
        elif topic in self._result_topics:
            self._take_result(message)
        elif topic == self.options.dead_letters:
            self._take_letter(message)
        elif topic == self.options.boundaries:
            adapter = text(message.key())
            if adapter is not None:
                self.table.add(adapter, Row(message, adapter, self._schemas["boundary-record"], self.options.base_digest))
            if self._calibration_topics:
                self._calibrations.take_boundary(message)
        elif topic == self.options.adapters:
            name = text(message.key())
            if name is not None:
                self.adapters.add(name, AdapterRow(message, self._schemas["adapter-record"], self.options.base_digest,
                                                   self.options.unusable_label))
        elif topic in self._calibration_topics:
            self._take_calibration(message)
        elif topic == self.options.cancellations:
            self._take_cancellation(message)
        else:
            self._check_event(message)

    def _take_calibration(self, message):
        if message.topic() == self.options.validation_batches:
            judged = message.offset() < self._batch_ends[message.topic(), message.partition()]
            self._calibrations.take_batch(message, judged)
        elif message.topic() == self.options.calibration_state:
            self._calibrations.take_state(message)
        elif message.topic() == self.options.boundary_decisions:
            self._calibrations.take_decision(message)
        else:
            self._calibrations.take_letter(message)

    def _take_request(self, message):
        at = message.topic(), message.partition()
        if message.offset() < self._ends[at]:
            self.requests[at][message.offset()] = Request(message, self._schemas["request"], self._destination)
        else:
            self.counts[message.topic()] -= 1

    def _take_result(self, message):
        where = f"{message.topic()}-{message.partition()}@{message.offset()}"
        try:
            value = parse_json(message.value())
        except ValueError as e:
            self.found.add("out_of_schema", f"{where}: {e}")
            return
        fault = self._schemas["result"].fault(value)
        if fault is not None:
            self.found.add("out_of_schema", f"{where}: {fault}")
        source = source_of(value)
        if source is None:
            self.found.add("no_source", where)
            return
        by_offset = self.results[source[:2]]
        if source[2] in by_offset:
            self.repeated[source].append(where)
        else:
            by_offset[source[2]] = Result(message, value)

    def _take_letter(self, message):
        where = f"{message.topic()}-{message.partition()}@{message.offset()}"
        headers = {name: text(value) for name, value in message.headers() or [] if name.startswith("tidemark.")}
        fault = self._schemas["dead-letter-headers"].fault(headers)
        if fault is not None:
            self.found.add("dead_letter_wrong", f"{where}: {fault}")
        try:
            partition, offset = int(headers["tidemark.source.partition"]), int(headers["tidemark.source.offset"])
            at = headers["tidemark.source.topic"], partition
        except (KeyError, TypeError, ValueError):
            self.found.add("dead_letter_without_error", f"{where}: names no record")
            return
        if offset in self.letters[at]:
            self.found.add("dead_letter_repeated", f"{where} of request {place(*at, offset)}")
        else:
            self.letters[at][offset] = sys.intern(headers.get("tidemark.error.code") or "")

    def _take_cancellation(self, message):
        try:
            value = parse_json(message.value())
        except ValueError:
            return
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            self.cancelled_ids[value["id"]] = max(message.timestamp()[1], self.cancelled_ids.get(value["id"], 0))
        source = source_of({"tidemark": value})
        if source is not None:
            self.cancelled_sources.add(place(*source))

    def _check_event(self, message):
        try:
            fault = self._schemas["event"].fault(parse_json(message.value()))
        except ValueError as e:
            fault = str(e)
        if fault is not None:
            self.found.add("event_out_of_schema", f"{message.topic()}-{message.partition()}@{message.offset()}: {fault}")

    def _destination(self, headers):
        """Where the result belongs: (topic, partition or None, code of the refusal or None); None for the default."""
        for names in REPLY_HEADERS:
            topic, partition = (last_header(headers, name) for name in names)
            if topic is None and partition is None:
                continue
            target = self.options.results if topic is None else text(topic)
            if target not in self._result_topics:
                return self.options.results, None, REPLY_REFUSALS[0]
            if partition is None:
                return sys.intern(target), None, None
            chosen = int.from_bytes(partition, "big", signed=True) if len(partition) == 4 else -1
            if not 0 <= chosen < self._partitions[target]:
                return self.options.results, None, REPLY_REFUSALS[1]
            return sys.intern(target), chosen, None
        return None

    # judgement

    def _judge(self):
        for at, requests in self.requests.items():
            for offset, request in requests.items():
                result = self.results[at].get(offset)
                if result is None:
                    self.found.add("missing", str(request))
                    continue
                if (*at, offset) in self.repeated:
                    places = ", ".join([result.place, *self.repeated[*at, offset]])
                    self.found.add("repeated", f"{request}: {places}")
                else:  # of several results, any one may have been read first
                    self._judge_destination(request, result)
                self._judge_letter(at, offset, request, result)
                self._judge_result(request, result)
        for at, results in self.results.items():
            for offset, result in results.items():
                if offset not in self.requests.get(at, ()):
                    self._judge_unknown(at, offset, result)
        for at, letters in self.letters.items():
            for offset, code in letters.items():
                if offset in self.requests.get(at, ()) and offset not in self.results[at]:
                    self.found.add("dead_letter_without_error", f"request {place(*at, offset)}: {code}, and no result")
                elif offset not in self.requests.get(at, ()) and not self._is_later(at, offset):
                    self.found.add("dead_letter_without_error", f"{place(*at, offset)}: {code}, and no request record")

        if self._calibration_topics:
            self._calibrations.judge(self.found.add)

    def _judge_unknown(self, at, offset, result):
        if self._is_later(at, offset):
            self.later += 1
        elif at not in self._ends:
            self.found.add("unknown_request", f"{result.place} of {place(*at, offset)}: not a partition of a request topic")
        elif offset < self._first[at]:
            self.found.add("unknown_request", f"{result.place} of {place(*at, offset)}: deleted by retention, so not verified")
        else:
            self.found.add("unknown_request", f"{result.place} of {place(*at, offset)}")

    def _is_later(self, at, offset):
        """Whether a request was written after this verification had begun."""
        return at in self._ends and self._ends[at] <= offset < self._known_ends[at]

    def _judge_letter(self, at, offset, request, result):
        letter = self.letters[at].get(offset)
        if result.error is not None and letter is None:
            self.found.add("error_without_dead_letter", f"{request}: {result.error}")
        elif result.error is None and letter is not None:
            self.found.add("dead_letter_without_error", f"{request}: {letter}, and the answer {result.place}")
        elif letter is not None and letter != result.error:
            self.found.add("dead_letter_wrong", f"{request}: {letter}, and its result has {result.error}")

    def _judge_result(self, request, result):
        if result.error == "worker_crashed" and not {request.id, request.place} & self.planted:
            self.found.add("worker_crashed", f"{request}: {result.place}")
        if request.bad is not None and result.error is None:
            self.found.add("bad_request_answered", f"{request}: {request.bad}")
        self._judge_identity(request, result)
        self._judge_adapter(request, result)
        if self.options.adapters:
            self._judge_version(request, result)
        self._judge_end(request, result)
        self._judge_outcome(request, result)
        if request.format is not None and not request.format.issuperset(result.finished):
            self.found.add("wrong_format", f"{request}: {result.place}")
        fault = self._boundary_fault(request, result)
        if fault is not None:
            self.found.add(fault[0], f"{request} ({result.model}): {result.place}: {fault[1]}")

    def _judge_identity(self, request, result):
        if result.key is not None:
            self.found.add("wrong_id", f"{request}: {result.place} has the key {result.key!r}")
        # a request that cannot be parsed as a whole may have an id that can be
        allowed = {request.id or request.place} if request.bad is None else {request.id, request.place}
        if result.id not in allowed and not (result.error is not None and result.id == request.place):
            self.found.add("wrong_id", f"{request}: {result.place} has the id {result.id!r}")

    def _judge_destination(self, request, result):
        topic, partition, refusal = request.destination or (self.options.results, None, None)
        if topic in self.options.unwritable_topics and result.topic != topic:
            topic, partition, refusal = self.options.results, None, REPLY_FAILED
        if refusal is None and result.error == REPLY_FAILED:
            self.found.add("wrong_destination", f"{request}: {result.place} is {REPLY_FAILED}, but {topic} can be written")
        elif refusal == REPLY_FAILED and result.error not in (None, REPLY_FAILED):
            self.found.add("wrong_destination", f"{request}: {result.place} is {result.error}, not {REPLY_FAILED}")
        if result.topic != topic or partition not in (None, result.partition):
            wanted = topic if partition is None else f"{topic}-{partition}"
            self.found.add("wrong_destination", f"{request}: {result.place}, not {wanted}")
        elif refusal is not None and result.error is None:
            self.found.add("wrong_destination", f"{request}: {result.place} is an answer, not {refusal}")
        if request.correlation != result.correlation:
            self.found.add("wrong_destination", f"{request}: {result.place} has other correlation headers")

    def _judge_adapter(self, request, result):
        wrong = None
        expected = self.options.adapter_digests.get(request.model)
        if request.model is not None and result.model is not None and result.model != request.model:
            wrong = f"model '{result.model}', not '{request.model}'"
        elif expected is not None and result.digest not in (expected, None):
            wrong = f"digest {result.digest}, not {expected}"
        elif result.error is None and result.digest is None and result.model != result.base and self._admitted(result):
            wrong = f"'{result.model}' has no digest: the base model answered"
        elif result.error is None and result.digest is not None and result.model == result.base and expected is None:
            wrong = f"an adapter {result.digest} answered for the base model"
        if wrong is not None:
            self.found.add("wrong_adapter", f"{request}: {result.place}: {wrong}")

    def _judge_version(self, request, result):
        if result.error in (UNKNOWN, UNUSABLE):
            if request.bad is None and not self._may_lack(request, request.model, result, result.error):
                self.found.add("wrong_absence", f"{request} ({request.model}): {result.place} is {result.error}")
        elif result.adapter is not None or result.digest is not None:
            for kind, wrong in self._version_faults(request, result):
                self.found.add(kind, f"{request} ({request.model}): {result.place}: {wrong}")

    def _version_faults(self, request, result):
        """What is wrong with the adapter of a result, as pairs of a kind and a text."""
        if result.adapter is None:
            return [("wrong_version", "a digest, but no adapter")]
        if result.alias is None and result.alias_offset is None:
            faults = [("wrong_version", f"the adapter '{result.adapter}' without an alias")] * (result.adapter != request.model)
        elif result.alias != request.model:
            faults = [("wrong_version", f"the alias '{result.alias}'")]
        else:
            faults = self._alias_faults(request, result)
        return faults + self._adapter_faults(request, result)

    def _alias_faults(self, request, result):
        row = self.adapters.row(result.alias, result.alias_offset)
        if row is None or row.kind != ALIAS:
            return [("wrong_version", f"no record of the alias '{result.alias}' at offset {result.alias_offset}")]
        faults = []
        if (chosen := row.chosen(result.alias, request)) != result.adapter:
            faults.append(("wrong_choice", f"'{result.adapter}', but the record at offset {row.offset} gives '{chosen}'"))
        return faults + self._stale_faults(request, result, result.alias, row)

    def _adapter_faults(self, request, result):
        if result.adapter_offset is None:
            return self._folder_faults(request, result)
        row = self.adapters.row(result.adapter, result.adapter_offset)
        if row is None or row.kind != STORED:
            return [("wrong_version", f"no version of '{result.adapter}' at offset {result.adapter_offset}")]
        if result.digest not in (row.digest, None):
            return [("wrong_version", f"digest {result.digest}, but the record at offset {row.offset} has {row.digest}")]
        if not row.usable:
            return [("wrong_version", f"the record at offset {row.offset} can't be served")]
        return self._stale_faults(request, result, result.adapter, row)

    def _folder_faults(self, request, result):
        if result.adapter not in self.options.folders:
            return [("wrong_version", f"'{result.adapter}' without the offset of a record")]
        # a tombstone hides a folder until the process ends
        if all(row is not None and row.usable for row in self._row_candidates(request, result, result.adapter)):
            return [("stale_version", f"the folder of '{result.adapter}', which a record has replaced")]
        return []

    def _stale_faults(self, request, result, name, row):
        if row.at > result.at + self.options.clock_skew * 1000:
            return [("wrong_version", f"the record at offset {row.offset} is {row.at - result.at} ms newer than the result")]
        oldest = self._row_candidates(request, result, name)[0]
        if oldest is not None and row.offset < oldest.offset:
            return [("stale_version", f"the record of '{name}' at offset {row.offset}, {(request.at - oldest.at) / 1000:.1f} s after "
                                      f"that at offset {oldest.offset}, {oldest.kind}")]
        return []

    def _row_candidates(self, request, result, name):
        return self.adapters.candidates(name, request.at - self.options.staleness * 1000,
                                        result.at + self.options.clock_skew * 1000)

    def _may_lack(self, request, name, result, error, alias=True):
        """Whether a name can have had no version when a request was admitted. An alias may stand for such a name."""
        rows = self._row_candidates(request, result, name)
        # an adapter with a record is known, also if its version can't be served
        is_known = any(row.at <= request.at - self.options.staleness * 1000 for row in rows[1:])
        for number, row in enumerate(rows):
            if row is None or row.kind == TOMBSTONE:
                # a process that has started after a tombstone serves the folder
                absent = error == UNKNOWN and (row is not None or name not in self.options.folders) and (number > 0 or not is_known)
            elif row.kind == ALIAS:
                # the target of an alias is no alias
                absent = self._may_lack(request, row.chosen(name, request), result, error, alias=False) if alias \
                    else error == UNKNOWN
            else:
                # a process that has started after the record has no version from before it
                absent = error == UNUSABLE and not row.usable
            if absent:
                return True
        return False

    def _judge_end(self, request, result):
        if "cancelled" in result.ends and self.options.cancellations:
            by_id = self.cancelled_ids.get(request.id or request.place, -1) >= request.at
            if not by_id and request.place not in self.cancelled_sources:
                self.found.add("wrong_end", f"{request}: {result.place} is cancelled, but no cancellation names it")
        if "deadline" in result.ends:
            if request.expires is None:
                self.found.add("wrong_end", f"{request}: {result.place} ended at a deadline that it does not have")
            elif result.at + self.options.clock_skew * 1000 < request.expires:
                self.found.add("wrong_end", f"{request}: {result.place} ended {request.expires - result.at:.0f} ms early")

    def _judge_outcome(self, request, result):
        outcome = set(result.ends.split(",")) if result.error is None else {result.error}
        if request.id in self.outcomes:
            wrong = outcome - self.outcomes[request.id]
        else:
            wrong = outcome & {BUSY} if self.outcomes else ()
        if wrong:
            self.found.add("wrong_outcome", f"{request}: {result.place} is {', '.join(sorted(wrong))}")

    @staticmethod
    def _admitted(result):
        """False for a result that may lack its provenance: an error, or a request that ended before it ran."""
        return result.error is None and not (not result.ran and set(result.ends.split(",")) <= {"cancelled", "deadline"})

    def _boundary_fault(self, request, result):
        """Kind and text of what is wrong with the boundary of a result; None if it is right."""
        boundary, offset = result.boundary, result.boundary_offset
        if boundary is None:
            if offset is not None:
                return "wrong_boundary", f"no boundary, but the boundary_offset {offset}"
            if self._admitted(result) and result.digest is not None:
                return "wrong_boundary", "an adapter, but no boundary"
            return None
        if result.digest is None:
            return "wrong_boundary", f"boundary {boundary} without an adapter"
        if result.layers is None:
            return "wrong_boundary", f"boundary {boundary}, but no num_layers"
        if request.boundary is not None:
            if boundary != request.boundary or offset is not None:
                return "wrong_boundary", f"boundary {boundary} (record {offset}), but the request has {request.boundary}"
            return None
        skew = self.options.clock_skew * 1000
        adapter = result.adapter or result.model
        candidates = self.table.candidates(adapter, request.at - self.options.staleness * 1000, result.at + skew)
        if offset is None:
            return self._full_lora_fault(result, candidates)
        row = self.table.row(adapter, offset)
        if row is None:
            return "wrong_boundary", f"no record of '{adapter}' at offset {offset} of {self.options.boundaries}"
        if row.mismatch(result) is not None:
            return "wrong_boundary", f"the record at offset {offset} is {row.mismatch(result)}"
        if row.boundary != boundary:
            return "wrong_boundary", f"boundary {boundary}, but the record at offset {offset} has {row.boundary}"
        if row.at > result.at + skew:
            return "wrong_boundary", f"the record at offset {offset} is {row.at - result.at} ms newer than the result"
        oldest = candidates[0]
        if oldest is not None and offset < oldest.offset:
            return "stale_boundary", f"the record at offset {offset}, {(request.at - oldest.at) / 1000:.1f} s after " \
                                     f"that at offset {oldest.offset} replaced it"
        return None

    @staticmethod
    def _full_lora_fault(result, candidates):
        if result.boundary != result.layers:
            return "wrong_boundary", f"boundary {result.boundary} of {result.layers} layers without a record"
        if all(row is not None and row.mismatch(result) is None for row in candidates):
            return "wrong_boundary", f"full LoRA, but the record at offset {candidates[0].offset} applied"
        return None

    # report

    def _report(self, seconds):
        results = [(r, q) for at, requests in self.requests.items() for offset, q in requests.items()
                   if (r := self.results[at].get(offset)) is not None]
        answers = collections.Counter((r.model, r.boundary) for r, _ in results if r.error is None)
        return {
            "ok": not any(self.found.counts.values()),
            "requests": sum(len(requests) for requests in self.requests.values()),
            "records": {topic: self.counts[topic] for topic in self._partitions},
            "answers": [{"model": model, "boundary": boundary, "count": count}
                        for (model, boundary), count in sorted(answers.items(), key=str)],
            "errors": dict(sorted(collections.Counter(r.error for r, _ in results if r.error is not None).items())),
            "planted": {"named": len(self.planted), "crashed": sum(
                1 for r, q in results if r.error == "worker_crashed" and {q.id, q.place} & self.planted)},
            "later": self.later,
            "calibration": self._calibrations.report() if self._calibration_topics else None,
            "findings": {kind: {"what": what, "count": self.found.counts[kind], "first": self.found.first[kind]}
                         for kind, what in KINDS.items()},
            "seconds": round(seconds, 1),
        }


def summary(report):
    """The report for people: a line for each kind, and the first offenders below it."""
    records = ", ".join(f"{topic} {count:,}" for topic, count in report["records"].items())
    lines = [f"{report['requests']:,} requests in {report['seconds']} s; records: {records}"]
    for answer in report["answers"][:SHOWN_ANSWERS]:
        where = "" if answer["boundary"] is None else f" at boundary {answer['boundary']}"
        lines.append(f"  {answer['model']}{where}: {answer['count']:,}")
    if (more := report["answers"][SHOWN_ANSWERS:]):
        lines.append(f"  and {sum(answer['count'] for answer in more):,} answers of {len(more):,} more models and boundaries")
    lines += [f"  error {code}: {count:,}" for code, count in report["errors"].items()]
    if report["planted"]["named"]:
        lines.append(f"  planted crashes: {report['planted']['named']:,}, of which worker_crashed {report['planted']['crashed']:,}")
    if report["calibration"]:
        lines.append("  validation batches: {batches:,}, counted {counted:,}, dead letters {dead_letters:,}; boundary records of "
                     "calibrators: {decisions:,}".format(**report["calibration"]))
    if report["later"]:
        lines.append(f"  results of requests written after the verification began: {report['later']:,}")
    for finding in report["findings"].values():
        lines.append(f"{finding['count']:9,} {finding['what']}")
        lines += [f"            {offender}" for offender in finding["first"]]
        if finding["count"] > len(finding["first"]):
            lines.append(f"            and {finding['count'] - len(finding['first']):,} more")
    lines.append("nothing is wrong" if report["ok"] else "FAILED")
    return "\n".join(lines)


def run_verifier(broker, *options):
    """The report of a verifier that is a process of its own, so that the caller's process decides nothing."""
    command = [sys.executable, __file__, broker, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Unverifiable(f"the verifier ended with code {done.returncode}: {done.stdout}{done.stderr}") from None


def named(pair):
    name, equals, value = pair.partition("=")
    if not equals or not name or not value:
        raise argparse.ArgumentTypeError(f"'{pair}' is not NAME=VALUE")
    return name, value


def arguments(argv=None):
    def names(value):
        return [name for name in value.split(",") if name]

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("broker", help="bootstrap.servers")
    parser.add_argument("--requests", type=names, default=["generation-requests"], help="topics, comma-separated")
    parser.add_argument("--results", default="generation-results")
    parser.add_argument("--reply-topics", type=names, default=[], help="all topics of tidemark.replies.topics, comma-separated")
    parser.add_argument("--unwritable-topics", type=names, default=[],
                        help=f"reply topics that cannot be written: a request that names one has the error {REPLY_FAILED}")
    parser.add_argument("--dead-letters", default="generation-dead-letters")
    parser.add_argument("--boundaries", default="adapter-boundaries")
    parser.add_argument("--events", help="events topic; not read by default")
    parser.add_argument("--cancellations", help="cancellations topic; not read by default")
    parser.add_argument("--adapters", help="topic of adapter records; not read by default")
    parser.add_argument("--folders", type=names, default=[],
                        help="with --adapters: the adapters of the workers' settings, comma-separated")
    parser.add_argument("--unusable-label", default="unusable", metavar="LABEL",
                        help="with --adapters: a label of records whose version cannot be served (%(default)s)")
    parser.add_argument("--validation-batches", help="topic of validation batches; it, its dead letters and the calibration "
                                                     "states are not read by default")
    parser.add_argument("--validation-dead-letters", default="validation-dead-letters")
    parser.add_argument("--calibration-state", default="calibration-state")
    parser.add_argument("--boundary-decisions", default="boundary-decisions")
    parser.add_argument("--adapter-digest", type=named, action="append", default=[], metavar="ID=SHA256",
                        help="the version that must answer for an adapter; repeatable")
    parser.add_argument("--base-digest", metavar="SHA256",
                        help="the base model's digest; by default any base_digest of a boundary record applies")
    parser.add_argument("--staleness", type=float, default=30, metavar="SECONDS",
                        help="a boundary or adapter record may be replaced for this long when a request for it is written (%(default)s)")
    parser.add_argument("--clock-skew", type=float, default=0, metavar="SECONDS",
                        help="the largest difference of the clocks of clients, workers and brokers (%(default)s)")
    parser.add_argument("--planted-crashes", metavar="FILE", help="ids of requests that may be worker_crashed, one a line")
    parser.add_argument("--outcomes", metavar="FILE",
                        help="lines of an id, a tab, and the error codes and finish reasons that its results may have, comma-separated; "
                             f"requests that the file does not name must not be {BUSY}")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS",
                        help="wait so long for the results of all requests that are there at the start (%(default)s)")
    parser.add_argument("--offenders", type=int, default=20, help="how many of each kind are named (%(default)s)")
    parser.add_argument("--client", type=named, action="append", default=[], metavar="NAME=VALUE",
                        help="property of librdkafka, such as security.protocol=SSL; repeatable")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(argv)
    options.adapter_digests = dict(options.adapter_digest)
    options.client = {**dict(options.client), "bootstrap.servers": options.broker}
    return options


def main(argv=None):
    options = arguments(argv)
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        report = Verifier(options).run()
    except (Unverifiable, KafkaException, OSError) as e:
        print(f"could not verify: {e}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2) if options.json else summary(report))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
