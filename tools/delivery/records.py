"""What the verifier keeps of requests, results, boundary records and adapter records: everything but their texts.

Nothing here reads a topic or judges a record.
"""
import bisect
import collections
import datetime
import hashlib
import itertools
import json
import math
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

    __slots__ = ("at", "place", "id", "model", "boundary", "expires", "bad", "destination", "correlation", "format", "user")

    def __init__(self, message, schema, destination):
        self.at = message.timestamp()[1]
        self.place = place(message.topic(), message.partition(), message.offset())
        self.id = self.model = self.boundary = self.expires = self.format = self.user = None
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
        self.user = value["user"] if isinstance(value.get("user"), str) else None
        self.boundary = number(value.get("boundary"))
        self.expires = expiry(value, self.at)
        if self.bad is None and not value.get("stop") and not value.get("stop_token_ids"):
            self.format = permitted(value.get("structured_outputs") or {})

    def __str__(self):
        return f"request {self.place}" + (f" '{self.id}'" if self.id else "")


class Result:
    """What a result says, without its text."""

    __slots__ = ("at", "topic", "partition", "offset", "key", "id", "model", "base", "digest", "boundary", "boundary_offset",
                 "layers", "error", "ends", "ran", "correlation", "finished", "adapter", "adapter_offset", "alias", "alias_offset")

    def __init__(self, message, value):
        self.at = message.timestamp()[1]
        self.topic, self.partition, self.offset = sys.intern(message.topic()), message.partition(), message.offset()
        self.id = string(value.get("id"))
        self.key = None if message.key() == encoded(self.id) else message.key()
        self.model = string(value.get("model"))
        provenance = value["tidemark"]
        self.base = string(provenance.get("base_model"))
        self.adapter = string(provenance.get("adapter"))
        self.adapter_offset = number(provenance.get("adapter_offset"))
        self.alias = string(provenance.get("alias"))
        self.alias_offset = number(provenance.get("alias_offset"))
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


ADAPTER_BYTES = 16 * 1024
STORED, ALIAS, TOMBSTONE, INVALID = "an adapter", "an alias", "a tombstone", "an invalid record"


class AdapterRow:
    """A record of the topic of adapters. {kind} is one of the four above; {usable} whether its version can be served."""

    __slots__ = ("offset", "at", "kind", "usable", "digest", "targets", "sticky")

    def __init__(self, message, schema, base_digest, unusable_label):
        """
        base_digest: of the base model, if it is known; unusable_label: a label of records whose sources do not have what
        they say
        """
        self.offset, self.at = message.offset(), message.timestamp()[1]
        self.kind, self.usable, self.digest, self.targets, self.sticky = TOMBSTONE, False, None, {}, False
        if message.value() is None:
            return
        try:
            value = parse_json(message.value(), unique_names=True)
        except ValueError:
            self.kind = INVALID
            return
        names = [target.get("adapter") for target in value.get("targets") or [] if isinstance(target, dict)] \
            if isinstance(value, dict) and isinstance(value.get("targets"), list) else []
        # null is the same as absent
        absent = isinstance(value, dict) and value.get("targets") is None and None in (value.get("digest"), value.get("base"))
        if len(message.value()) > ADAPTER_BYTES or schema.fault(value) is not None or absent or len(set(names)) < len(names):
            self.kind = INVALID
        elif value.get("targets") is not None:
            self.kind, self.usable = ALIAS, True
            self.targets = {string(target["adapter"]): target["weight"] for target in value["targets"]}
            self.sticky = value.get("sticky") == "user"
        else:
            self.kind, self.digest = STORED, string(value["digest"])
            self.usable = base_digest in (None, value["base"]) and unusable_label not in (value.get("labels") or {})

    @property
    def has_effect(self):
        """Whether it changes what a name stands for."""
        return self.usable or self.kind == TOMBSTONE

    def chosen(self, alias, request):
        """The target of an alias for a request."""
        key = request.user if self.sticky and request.user else request.id or request.place
        return rendezvous(alias, self.targets, key)


class AdapterTable:
    """All records of each name, and which of them a request can have been admitted with."""

    def __init__(self):
        self._rows = collections.defaultdict(dict)
        self._lists = {}

    def add(self, name, row):
        self._rows[name][row.offset] = row

    def has(self, name):
        return name in self._rows

    def row(self, name, offset):
        return self._rows[name].get(offset) if name in self._rows else None

    def candidates(self, name, known_at, read_at):
        """
        The records that can decide about a request, oldest first: the newest one with an effect that all workers had read at
        {known_at}, and the later ones up to {read_at}. None stands for no record. All records must have been added.
        """
        if name not in self._lists:
            self._lists[name] = sorted(self._rows[name].values(), key=lambda row: row.offset) if name in self._rows else []
        rows = [row for row in self._lists[name] if row.at <= read_at]
        start = max((n for n, row in enumerate(rows) if row.at <= known_at and row.has_effect), default=None)
        return [None, *rows] if start is None else rows[start:]


def rendezvous(alias, targets, key):
    """
    The target of an alias, by weighted rendezvous hashing: the largest ln(u) / weight, where u is (n + 0.5) / 2^53 and n the
    first 53 bits of SHA-256(alias, NUL, target, NUL, key).
    """
    def score(target):
        digest = hashlib.sha256("\0".join((alias, target, key)).encode("utf-8", "surrogatepass")).digest()
        bits = int.from_bytes(digest[:8], "big") >> 11
        return math.log((bits + 0.5) * 2.0 ** -53) / targets[target]

    return max((target for target, weight in targets.items() if weight > 0), key=score)


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
