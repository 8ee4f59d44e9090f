"""What the verifier keeps of requests, results and boundary records: everything but their texts.

Nothing here reads a topic or judges a record.
"""
import bisect
import collections
import datetime
import itertools
import json
import pathlib
import sys

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

ASYNCAPI = pathlib.Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
CORRELATION = ("tidemark-correlation", "kafka_correlationId", "REPLY_CORRELATION_ID", "correlation-id")
COPIED_BYTES = 1024


class Schema:
    """One of the schemas of docs/asyncapi.yaml, which are JSON Schema of draft 7."""

    _components = None

    def __init__(self, name):
        if Schema._components is None:
            Schema._components = yaml.safe_load(ASYNCAPI.read_text("utf-8"))["components"]
        if name not in Schema._components["schemas"]:
            raise ValueError(f"{ASYNCAPI} has no schema {name}")
        self._validator = Draft7Validator({"$ref": f"#/components/schemas/{name}", "components": Schema._components})

    def fault(self, value):
        """The most relevant fault of a value, without its texts; None if it is valid."""
        if self._validator.is_valid(value):
            return None
        error = best_match(self._validator.iter_errors(value))
        rule = error.message if error.validator == "required" else f"{error.validator} {str(error.validator_value)[:60]}"
        return f"{error.json_path}: {rule}"


class Request:
    """What a request asks for, without its text."""

    __slots__ = ("at", "place", "id", "model", "boundary", "expires", "bad", "destination", "correlation", "format")

    def __init__(self, message, schema, destination):
        self.at = message.timestamp()[1]
        self.place = place(message.topic(), message.partition(), message.offset())
        self.id = self.model = self.boundary = self.expires = self.format = None
        self.destination = destination(message.headers())
        self.correlation = correlation(message.headers())
        try:
            value = parse_json(message.value())
        except ValueError as e:
            self.bad = str(e)
            return
        self.bad = schema.fault(value)
        if not isinstance(value, dict):
            return
        self.id = value["id"] if isinstance(value.get("id"), str) else None
        self.model = string(value.get("model"))
        self.boundary = number(value.get("boundary"))
        self.expires = expiry(value, self.at)
        if self.bad is None and not value.get("stop") and not value.get("stop_token_ids"):
            self.format = permitted(value.get("structured_outputs") or {})

    def __str__(self):
        return f"request {self.place}" + (f" '{self.id}'" if self.id else "")


class Result:
    """What a result says, without its text."""

    __slots__ = ("at", "topic", "partition", "offset", "key", "id", "model", "base", "digest", "boundary", "boundary_offset",
                 "layers", "error", "ends", "ran", "correlation", "finished")

    def __init__(self, message, value):
        self.at = message.timestamp()[1]
        self.topic, self.partition, self.offset = sys.intern(message.topic()), message.partition(), message.offset()
        self.id = string(value.get("id"))
        self.key = None if message.key() == encoded(self.id) else message.key()
        self.model = string(value.get("model"))
        provenance = value["tidemark"]
        self.base = string(provenance.get("base_model"))
        self.digest = string(provenance.get("adapter_digest"))
        self.boundary = number(provenance.get("boundary"))
        self.boundary_offset = number(provenance.get("boundary_offset"))
        self.layers = number(provenance.get("num_layers"))
        error, choices, usage = value.get("error"), value.get("choices"), value.get("usage")
        self.error = string(error.get("code")) or "" if isinstance(error, dict) else None
        choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
        self.ends = string(",".join(sorted({str(choice.get("finish_reason")) for choice in choices})))
        self.finished = tuple(hash(generated(choice)) for choice in choices if choice.get("finish_reason") == "stop")
        self.ran = not isinstance(usage, dict) or usage.get("completion_tokens") != 0
        self.correlation = correlation(message.headers())

    @property
    def place(self):
        return f"{self.topic}-{self.partition}@{self.offset}"


class Row:
    """A record of the boundary table; {fault} says why it cannot apply to any version, such as a tombstone."""

    __slots__ = ("offset", "at", "boundary", "fault", "digest", "base", "layers")

    def __init__(self, message, adapter, schema, base_digest):
        self.offset, self.at = message.offset(), message.timestamp()[1]
        self.boundary = self.digest = self.base = self.layers = None
        if message.value() is None:
            self.fault = "a tombstone"
            return
        try:
            value = parse_json(message.value(), unique_names=True)
        except ValueError as e:
            self.fault = str(e)
            return
        self.fault = schema.fault(value)
        if self.fault is None:
            version = value.get("version") or {}
            self.boundary, self.layers = value["boundary"], version.get("num_layers")
            self.digest, self.base = version.get("adapter_digest"), version.get("base_model")
            if value["adapter"] != adapter:
                self.fault = "a record whose adapter is not its key"
            elif self.layers is not None and self.boundary > self.layers:
                self.fault = "a record with a boundary above num_layers"
            elif base_digest is not None and version.get("base_digest") not in (None, base_digest):
                self.fault = "a record for another base model"

    def mismatch(self, result):
        """Why the record does not apply to the version of a result; None if it applies."""
        if self.fault is not None:
            return self.fault
        for name, mine, loaded in (("digest", self.digest, result.digest), ("base model", self.base, result.base),
                                   ("number of layers", self.layers, result.layers)):
            if mine is not None and mine != loaded:
                return f"a record for another {name}"
        return "a record with a boundary above the number of layers" if self.boundary > result.layers else None


class BoundaryTable:
    """All records of each adapter, not only the last, and which of them a request can have been admitted with."""

    def __init__(self):
        self._rows = collections.defaultdict(dict)
        self._sorted = {}

    def add(self, adapter, row):
        self._rows[adapter][row.offset] = row

    def row(self, adapter, offset):
        return self._rows[adapter].get(offset) if adapter in self._rows else None

    def candidates(self, adapter, known_at, read_at):
        """
        The records that can have been the last one that a worker had read, oldest first: the newest with a timestamp up
        to {known_at}, and the later ones with a timestamp up to {read_at}. None stands for no record at all. Times are
        milliseconds. All records must have been added.
        """
        rows, earliest = self._by_offset(adapter)
        start = bisect.bisect_right(earliest, known_at) - 1
        end = bisect.bisect_right(earliest, read_at)
        first = [None] if start < 0 else [rows[start]]
        return first + [row for row in rows[start + 1:end] if row.at <= read_at]

    def _by_offset(self, adapter):
        """The records by offset, and for each the earliest timestamp from there on: timestamps may go back."""
        if adapter not in self._sorted:
            rows = sorted(self._rows[adapter].values(), key=lambda row: row.offset) if adapter in self._rows else []
            earliest = list(itertools.accumulate((row.at for row in reversed(rows)), min))[::-1]
            self._sorted[adapter] = rows, earliest
        return self._sorted[adapter]


def parse_json(value, unique_names=False):
    """A JSON value in UTF-8; ValueError if it is none. NaN and Infinity are no JSON."""
    if value is None:
        raise ValueError("null")

    def refuse(number):
        raise ValueError(f"not JSON: {number}")

    def unique(pairs):
        names = dict(pairs)
        if len(names) != len(pairs):
            raise ValueError("not JSON: a name is repeated")
        return names

    try:
        return json.loads(value.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique if unique_names else None)
    except json.JSONDecodeError as e:
        raise ValueError(f"not JSON: {e.msg}") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None


def source_of(value):
    """(topic, partition, offset) of tidemark.source; None unless it is valid."""
    provenance = value.get("tidemark") if isinstance(value, dict) else None
    source = provenance.get("source") if isinstance(provenance, dict) else None
    if not isinstance(source, dict):
        return None
    topic, partition, offset = (source.get(name) for name in ("topic", "partition", "offset"))
    if not isinstance(topic, str) or number(partition) is None or number(offset) is None:
        return None
    return sys.intern(topic), partition, offset


def expiry(value, at):
    """When a request ends at the latest, in milliseconds since 1970: its deadline or its timeout_ms, whichever is sooner."""
    ends = []
    if isinstance(value.get("deadline"), str):
        try:
            ends.append(datetime.datetime.fromisoformat(value["deadline"]).timestamp() * 1000)
        except (ValueError, OverflowError):
            pass
    if number(value.get("timeout_ms")) is not None:
        ends.append(at + value["timeout_ms"])
    return min(ends, default=None)


def place(topic, partition, offset):
    """Also the id of a request without one."""
    return f"{topic}-{partition}-{offset}"


def permitted(structured):
    """The hashes of the texts that a format permits; None if it does not list them."""
    if structured.get("choice"):
        return frozenset(hash(text) for text in structured["choice"])
    schema = structured.get("json")
    if isinstance(schema, dict) and isinstance(schema.get("enum"), list) and len(schema) == 1:
        return frozenset(hash(json.dumps(value, ensure_ascii=False)) for value in schema["enum"])
    return None


def generated(choice):
    """The text of a choice of either form."""
    message = choice.get("message")
    value = message.get("content") if isinstance(message, dict) else choice.get("text")
    return value if isinstance(value, str) else None


def last_header(headers, name):
    return next((value for key, value in reversed(headers or []) if key == name), None)


def correlation(headers):
    """The correlation ids that an answer repeats; None for none."""
    values = tuple(last_header(headers, name) for name in CORRELATION) if headers else ()
    values = tuple(value if value is not None and len(value) <= COPIED_BYTES else None for value in values)
    return values if any(value is not None for value in values) else None


def string(value):
    """A text, shared by all records that have it; None for another type, which the schema reports."""
    return sys.intern(value) if isinstance(value, str) else None


def number(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def encoded(value):
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None


def text(value):
    """UTF-8 as text; None for null and for other bytes."""
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None
