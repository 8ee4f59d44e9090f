"""The records of a run: requests of random shape, poison records, boundary records and adapter records.

`Requests`, `StreamingRequests`, `CostlyRequests`, `Boundaries` and `AdapterRecords` are sequences of records that depend on their random
numbers only. They send nothing.
"""
import dataclasses
import datetime
import hashlib
import json

from records import CORRELATION

WORDS = "the area of a friend whose layers are sold in April ground coffee and rain over Hundred kings nearest to the inn".split()
FORMATS = [{"choice": ["yes", "no", "not yet"]},
           {"json": {"enum": ["pub", 3, None]}},
           {"regex": "[a-f]{1,12}"},
           {"json": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "open": {"type": "boolean"}},
                     "required": ["name", "open"], "additionalProperties": False}}]
BIG = 1_200_000     # above tidemark.limits.request-bytes
LARGE = 1_000_000   # below it


@dataclasses.dataclass(frozen=True)
class Record:
    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple = ()
    kind: str = "request"
    cancel_after: float | None = None   # seconds from the broker's acknowledgement to the cancellation
    cancel_by_source: bool = False
    id: str | None = None
    outcomes: tuple = ()   # permitted error codes and finish reasons; empty if any is


class Requests:

    def __init__(self, random, base, adapters, layers, topics, reply_topics, long_tokens, count=0, published=()):
        """
        base, adapters, layers: name of the base model, adapter ids, and number of decoder layers
        topics: request topics, the most urgent first
        reply_topics: topics that a request may name for its result
        long_tokens: the most tokens of a choice of a long request
        count: ids begin behind this number
        published: names of adapters and aliases that records publish and remove meanwhile
        """
        self._random = random
        self._base = base
        self._adapters = adapters
        self._layers = layers
        self._topics = topics
        self._reply_topics = reply_topics
        self._long_tokens = long_tokens
        self._count = count
        self._published = published

    def next(self):
        """A valid request in 97 of 100 records, else a poison record."""
        self._count += 1
        return self._poison() if self._random.random() < 0.03 else self._request()

    def marked(self, kind, prompt):
        """A request with this prompt, which does nothing else that is unusual."""
        self._count += 1
        name = f"{kind}-{self._count}"
        return Record(self._topics[-1], encode({"id": name, "model": self._base, "prompt": prompt, "max_tokens": 4}),
                      self._key(), kind=kind, id=name)

    def large(self):
        """
        A request of about a megabyte that costs much memory when it is parsed, printed or tokenized. Whether a limit refuses
        it does not matter: it has a result.
        """
        self._count += 1
        name, r = f"large-{self._count}", self._random
        messages = [{"role": "user", "content": self._text()}]
        value = {"id": name, "model": self._base, "max_tokens": 1, "messages": messages}
        shape = r.randrange(4)
        if shape == 0:     # many small values
            value["tools"] = [{"type": "function", "function": {"name": "f", "parameters": {"x": [{}] * (LARGE // 4)}}}]
        elif shape == 1:   # few large ones
            value["tools"] = [{"type": "function", "function": {"name": "f", "description": "d" * LARGE}}]
        elif shape == 2:   # many turns
            value["messages"] = [{"role": "user", "content": "a b " * 100}] * (LARGE // 440)
        else:              # a long prompt, which has too many tokens
            del value["messages"]
            value["prompt"] = "the inn " * (LARGE // 8)
        return Record(self._topics[-1], encode(value, compact=True), self._key(), kind="large", id=name)

    def _request(self):
        r = self._random
        value = {"model": self._base if r.random() < 0.2 else r.choice(self._adapters), "max_tokens": self._tokens()}
        if r.random() < 0.97:
            # now and then an id is used again; it names another request
            value["id"] = f"r-{self._count if r.random() < 0.99 else max(1, self._count - r.randrange(1, 200))}"
        if r.random() < 0.15:
            value["messages"] = [{"role": "user", "content": self._text()}]
        else:
            value["prompt"] = self._text()
        if value["max_tokens"] > 100:
            value["ignore_eos"] = r.random() < 0.8
        if self._published and r.random() < 0.3:
            value["model"] = r.choice(self._published)
            if r.random() < 0.5:
                value["user"] = f"user-{r.randrange(100)}"
        options = {
            "n": (0.1, lambda: r.randint(2, 4)),
            "stream": (0.15, lambda: True),
            "temperature": (0.4, lambda: r.choice([0, 0.7, 1.3])),
            "seed": (0.3, lambda: r.randrange(2 ** 40)),
            "boundary": (0.1, lambda: r.randint(0, self._layers)),
            "priority": (0.3, lambda: r.randint(-5, 5)),
            "timeout_ms": (0.06, lambda: r.choice([1, 50, 300, 2000, 20_000])),
            "deadline": (0.03, lambda: instant(r.choice([-5, 0.2, 2, 30]))),
            "stop": (0.05, lambda: [" the"]),
            "logprobs": (0.03, lambda: r.randint(0, 3)),
        }
        for field, (share, choose) in options.items():
            if r.random() < share:
                value[field] = choose()
        if r.random() < 0.1:
            value.pop("ignore_eos", None)
            value["structured_outputs"] = r.choice(FORMATS)
        if value["max_tokens"] > 1000:
            value.pop("n", None)
            value.pop("logprobs", None)
        cancelled = r.random() < 0.05
        return Record(self._topics[0] if r.random() < 0.1 else self._topics[-1], encode(value), self._key(), self._headers(),
                      "long" if value["max_tokens"] > 400 else "request",
                      r.choice([0, 0.2, 1, 5]) if cancelled else None, r.random() < 0.5, value.get("id"))

    def _tokens(self):
        r = self._random
        share = r.random()
        if share < 0.70:
            return r.randint(1, 40)
        if share < 0.99:
            return r.randint(41, 400)
        return r.randint(self._long_tokens // 2, self._long_tokens)

    def _text(self):
        return " ".join(self._random.choices(WORDS, k=self._random.randint(1, 40)))

    def _key(self):
        return self._random.randbytes(4).hex().encode()

    def _headers(self):
        r = self._random
        headers = []
        if r.random() < 0.1:
            headers.append((r.choice(CORRELATION), r.randbytes(16)))
        if r.random() < 0.08:
            # the last one is not on the workers' list: an error result
            headers.append(("kafka_replyTopic", r.choice([*self._reply_topics * 5, "not-allowed"]).encode()))
        if r.random() < 0.05:
            headers.append(("traceparent", f"00-{r.randbytes(16).hex()}-{r.randbytes(8).hex()}-01".encode()))
        return tuple(headers)

    def _poison(self):
        value, key = self._random.choice([
            (lambda: b"{\"model\": \"all\", \"prompt\": ", self._key),
            (lambda: b"", self._key),
            (lambda: None, self._key),
            (lambda: b"\xff\xfe\x80 not UTF-8", self._key),
            (lambda: b"[]", lambda: None),
            (lambda: b"\"text\"", self._key),
            (lambda: encode({"model": "unknown-adapter", "prompt": "a"}), self._key),
            (lambda: encode({"model": self._base, "prompt": 7}), self._key),
            (lambda: encode({"model": self._base}), self._key),
            (lambda: encode({"model": self._base, "prompt": "a", "max_tokens": 10 ** 6}), self._key),
            (lambda: encode({"model": self._base, "prompt": "a", "boundary": self._layers + 1}), self._key),
            (lambda: encode({"model": self._base, "prompt": "a", "temperature": -1}), self._key),
            (lambda: encode({"model": self._base, "prompt": "a", "structured_outputs": {}}), self._key),
            (lambda: encode({"model": self._base, "prompt": "a", "structured_outputs": {"regex": "("}}), self._key),
            (lambda: encode({"model": self._base, "prompt": "x" * BIG}), self._key),
            (lambda: b"[" * 5000, self._key),
        ])
        return Record(self._topics[-1], value(), key(), kind="poison")


class StreamingRequests(Requests):
    """Valid requests that stream: 89% with up to 60 tokens, 8% with up to 300, and 3% that are long."""

    def __init__(self, random, base, adapters, layers, topic, long_tokens):
        super().__init__(random, base, adapters, layers, [topic], [], long_tokens)

    def next(self):
        self._count += 1
        r = self._random
        tokens = self._tokens()
        value = {"id": f"r-{self._count}", "model": self._base if r.random() < 0.2 else r.choice(self._adapters),
                 "prompt": self._text(), "max_tokens": tokens, "ignore_eos": True, "stream": True}
        if r.random() < 0.1:
            value["boundary"] = r.randint(0, self._layers)
        return Record(self._topics[0], encode(value), self._key(), kind="long" if tokens > 300 else "request", id=value["id"])

    def _tokens(self):
        r = self._random
        share = r.random()
        if share < 0.89:
            return r.randint(10, 60)
        if share < 0.97:
            return r.randint(61, 300)
        return r.randint(self._long_tokens // 2, self._long_tokens)


class CostlyRequests:
    """
    Bursts of requests that cost much before or beside the steps of the engine, in the order prompts, formats, texts and ends
    of each round. All records of a burst are in one partition, so that they wait for each other.
    """

    # what a format that is enforced or refused as too costly for the worker may lead to
    FORMAT_OUTCOMES = ("format_too_large", "format_too_slow", "formats_busy", "length", "stop")

    def __init__(self, random, base, adapters, topic, bound, lead_byte, letter):
        """
        bound: bytes above which a prompt cannot fit the context; lead_byte, letter: tokens, the first one of a byte that begins a
        character of several bytes, the second one of the letter 'a'
        """
        self._random = random
        self._models = [base, *adapters]
        self._topic = topic
        self._bound = bound
        self._tokens = lead_byte, letter
        self._count = 0
        self._round = []

    def burst(self):
        """The kind of the next burst, and its records."""
        if not self._round:
            self._round = self._random.sample(["prompts", "formats", "texts", "ends"], 4)
        kind = self._round.pop()
        key = self._random.randbytes(4).hex().encode()
        return kind, [self._record(kind, key, *each) for each in getattr(self, f"_{kind}")()]

    def _record(self, kind, key, fields, outcomes, cancel_after=None):
        self._count += 1
        value = {"id": f"costly-{self._count}", "model": self._random.choice(self._models), "prompt": "the inn", "temperature": 0, **fields}
        return Record(self._topic, encode(value, compact=True), key, kind=f"costly {kind}", cancel_after=cancel_after,
                      cancel_by_source=self._random.random() < 0.5, id=value["id"], outcomes=tuple(outcomes))

    def _prompts(self):
        """Too long for the context: far above the bound, or so near below it that their tokens have to be counted."""
        for size in self._random.sample([LARGE, LARGE, 650_000, 650_000, *[self._bound * 95 // 100] * 4], 8):
            yield {"prompt": ("the inn " * (size // 8 + 1))[:size], "max_tokens": 1}, ["context_length_exceeded"]

    def _formats(self):
        """Large grammars that stay in memory while a text runs, and schemas of few bytes whose products are large."""
        schemas = [conjunction([50, 50], self._random.randrange(10 ** 6)), conjunction([20, 20, 20], self._random.randrange(10 ** 6))]
        grammars = [{"grammar": chain(self._random.randrange(10 ** 6), 60_000)} for _ in range(8)]
        formats = grammars + [{"json": schema} for schema in schemas]
        for each in self._random.sample(formats, len(formats)):
            yield {"structured_outputs": each, "max_tokens": 100}, self.FORMAT_OUTCOMES

    def _texts(self):
        """Texts that almost contain their long stop texts, and texts whose last character is never complete."""
        lead_byte, letter = self._tokens
        stops = ["a" * 998 + f"{n:02}" for n in range(16)]
        for _ in range(3):
            yield {"max_tokens": 1200, "ignore_eos": True, "stop": stops, "logit_bias": {str(letter): 100}}, ["length"]
            yield {"max_tokens": 1200, "ignore_eos": True, "stream": True, "logit_bias": {str(lead_byte): 100}}, ["length"]

    def _ends(self):
        """Requests that end while they wait behind long prompts and a format."""
        yield from list(self._prompts())[:4]
        yield {"structured_outputs": {"grammar": chain(self._random.randrange(10 ** 6), 60_000)}, "max_tokens": 100}, self.FORMAT_OUTCOMES
        long = {"max_tokens": 400, "ignore_eos": True}
        for _ in range(4):
            yield {**long, "timeout_ms": 1}, ["deadline"]
            yield {**long, "deadline": instant(-5)}, ["deadline"]
            yield {**long, "timeout_ms": self._random.choice([50, 300, 1000])}, ["deadline", "length"]
            yield long, ["cancelled", "length"], self._random.choice([0, 0.1, 0.5])


def conjunction(counts, number):
    """A schema of integer properties that is a conjunction of alternatives: as many combinations as the product of the counts."""
    parts = [{"anyOf": [{"type": "object", "required": [f"r{number}_{part}_{n}"]} for n in range(count)]}
             for part, count in enumerate(counts)]
    return {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(15)}, "allOf": parts}


def chain(number, size):
    """A grammar in Lark of at most so many bytes, whose rules name each other in turn."""
    lines, length = [f"start: \"{number}\" r0"], 100
    while length + (line := len(f"r{len(lines)}: \"a{len(lines)}\" r{len(lines)}\n") + 1) < size:
        lines.append(f"r{len(lines) - 1}: \"a{len(lines)}\" r{len(lines)}")
        length += line
    return "\n".join([*lines, f"r{len(lines) - 1}: \"end\""])


class Boundaries:
    """Records of the boundary table."""

    def __init__(self, random, adapters, layers, topic="adapter-boundaries"):
        self._random = random
        self._adapters = adapters
        self._layers = layers
        self._topic = topic

    def next(self):
        """A move in seven of ten records, else a tombstone, a record of another version, or a broken record."""
        r = self._random
        adapter = r.choice(self._adapters)
        value = {"adapter": adapter, "boundary": r.randint(0, self._layers), "reason": "chaos"}
        share = r.random()
        if share < 0.7:
            return self._record(adapter, encode(value), "move")
        if share < 0.85:
            return self._record(adapter, None, "tombstone")
        if share < 0.95:
            return self._record(adapter, encode({**value, "version": {"adapter_digest": r.randbytes(32).hex()}}), "foreign")
        return self._record(adapter, b"{\"adapter\":", "broken")

    def _record(self, adapter, value, kind):
        return Record(self._topic, value, adapter.encode(), kind=kind)


class AdapterRecords:
    """
    Records of the topic of adapters: versions that are added, replaced, removed and added again, aliases whose weights change,
    and records without an effect. Writes the files of the versions.
    """

    # names of adapters of which two have each alias, and a folder of the settings
    ADAPTERS = ["extract-v1", "extract-v2", "extract-v3"]
    ALIASES = {"extract": None, "extract-sticky": "user"}

    def __init__(self, random, versions, base, folder="patterns", topic="adapters"):
        """
        versions: makes a folder of another version, and returns its source and its digest; base: digest of the base model;
        folder: name of an adapter of the workers' settings, which records replace and hide
        """
        self._random = random
        self._versions = versions
        self._base = base
        self._names = [*self.ADAPTERS, folder]
        self._topic = topic
        self._present = set()

    @property
    def names(self):
        """The names that requests use."""
        return [*self._names, *self.ALIASES]

    def next(self):
        """What is absent in half of the records, else a replacement, other weights, a removal, or a record without an effect."""
        r = self._random
        absent = [name for name in self.names if name not in self._present]
        if absent and (r.random() < 0.5 or len(absent) == len(self.names)):
            return self._put(r.choice(absent), "added")
        name, share = r.choice(sorted(self._present)), r.random()
        if share < 0.2:
            self._present.discard(name)
            return Record(self._topic, None, name.encode(), kind="removed")
        if share < 0.45:
            return self._bad(r.choice(self.names))
        return self._put(name, "weights" if name in self.ALIASES else "replaced")

    def _put(self, name, kind):
        self._present.add(name)
        value = self._alias(name) if name in self.ALIASES else self._version()
        return Record(self._topic, encode(value), name.encode(), kind=kind)

    def _version(self):
        source, digest = self._versions()
        value = {"source": source, "digest": digest, "base": self._base}
        if self._random.random() < 0.2:
            value["options"] = {"pinned": True}
        return value

    def _alias(self, name):
        r = self._random
        present = [adapter for adapter in self.ADAPTERS if adapter in self._present]
        names = present if present and r.random() < 0.8 else self.ADAPTERS   # of which some may be absent
        targets = r.sample(names, r.randint(1, len(names)))
        weights = [r.choice([0, 1, 10, 50, 0.5]) for _ in targets]
        if not any(weights):
            weights[0] = 90
        value = {"targets": [{"adapter": target, "weight": weight} for target, weight in zip(targets, weights)]}
        if self.ALIASES[name]:
            value["sticky"] = self.ALIASES[name]
        return value

    def _bad(self, name):
        r = self._random
        value = {**self._version(), "labels": {"unusable": "chaos"}}
        kind, bad = r.choice([
            ("wrong digest", lambda: {**value, "digest": r.randbytes(32).hex()}),
            ("other base", lambda: {**value, "base": r.randbytes(32).hex()}),
            ("no folder", lambda: {**value, "source": "file:absent"}),
            ("outside the root", lambda: {**value, "source": "file:/etc"}),
            ("not allowed", lambda: {**value, "source": "s3://elsewhere/adapter"}),
            ("no source", lambda: {**value, "source": "ftp://elsewhere"}),
            ("unknown field", lambda: {**value, "sources": []}),
            ("unknown option", lambda: {**value, "options": {"pin": True}}),
            ("no weight", lambda: {"targets": [{"adapter": self.ADAPTERS[0], "weight": 0}]}),
            ("target twice", lambda: {"targets": [{"adapter": self.ADAPTERS[0], "weight": 1}] * 2}),
            ("not JSON", lambda: None)])
        content = bad()
        return Record(self._topic, b"{\"source\":" if content is None else encode(content), name.encode(), kind=kind)


class AdapterVersions:
    """
    Folders with versions of PEFT folders, as many as are asked for: each has another number of spaces behind its configuration,
    and so another digest.
    """

    def __init__(self, random, root, sources):
        """root: of the folders; sources: PEFT folders of which the versions are copies"""
        self._random = random
        self._root = root
        self._sources = sources
        self._count = 0

    def __call__(self):
        """The source, which is relative to the root, and the digest of a new version."""
        self._count += 1
        name = f"version-{self._count}"
        return f"file:{name}", self.write(self._root / name, self._random.choice(self._sources), self._count)

    @staticmethod
    def write(folder, source, number):
        """Writes a folder, and returns its digest."""
        config = (source / "adapter_config.json").read_bytes() + b" " * number
        weights = (source / "adapter_model.safetensors").read_bytes()
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_bytes(config)
        (folder / "adapter_model.safetensors").write_bytes(weights)
        return hashlib.sha256(config + weights).hexdigest()


class Batches:
    """Validation batches."""

    def __init__(self, random, adapters, topic="validation-batches"):
        self._random = random
        self._adapters = adapters
        self._topic = topic
        self._count = 0
        self._sent = []

    def next(self):
        """A new batch in eight of ten records, else one of the last ten again, also with another key, or an invalid one."""
        r, share = self._random, self._random.random()
        if share < 0.12 and self._sent:
            return dataclasses.replace(r.choice(self._sent), key=r.randbytes(4))
        self._count += 1
        value = {"batch_id": f"b-{self._count}", "adapter": r.choice(self._adapters),
                 "examples": [self._example() for _ in range(r.randint(1, 4))]}
        if share > 0.92:
            poison = r.choice([b"{", b"", None, encode({**value, "examples": []}), encode({**value, "adapter": "unknown"}),
                               encode({**value, "examples": [{"prompt": "a"}]})])
            return Record(self._topic, poison, r.randbytes(4), kind="bad batch")
        record = Record(self._topic, encode(value), value["adapter"].encode(), kind="batch", id=value["batch_id"])
        self._sent = [*self._sent, record][-10:]
        return record

    def _example(self):
        r = self._random
        return {"prompt": " ".join(r.choices(WORDS, k=r.randint(1, 12))), "completion": " ".join(r.choices(WORDS, k=r.randint(1, 8)))}


def encode(value, compact=False):
    return json.dumps(value, separators=(",", ":") if compact else None).encode()


def instant(seconds):
    """The time in this many seconds, as a deadline."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
