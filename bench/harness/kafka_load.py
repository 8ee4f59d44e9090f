"""Generation requests in a closed loop through Kafka, and the tokens per second of the workers.

Needs confluent-kafka. A loop keeps a number of requests open: each answer is immediately followed by the next request.
"""
import itertools
import json
import random
import time
from collections import Counter
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from harness.process import Failed


@dataclass(frozen=True)
class Answer:
    prefix: str            # of the topics, which identifies the group of workers
    worker: str
    sent: float            # time.monotonic(), as `received`
    received: float
    prompt_tokens: int
    tokens: int
    whole: bool            # False if the request was cancelled at the end of the window
    generating: float      # seconds from the first token to the end, measured by the worker; 0 without a token

    @property
    def latency(self):
        return self.received - self.sent

    @property
    def per_token(self):
        """Seconds between tokens; None with fewer than two of them."""
        return self.generating / (self.tokens - 1) if self.tokens > 1 else None

    def tokens_between(self, begin, end):
        """Number of the answer's tokens within a window. Those after the first one are spread evenly over their time."""
        first = self.received - self.generating
        count = float(self.tokens > 0 and begin < first <= end)
        if self.generating > 0:
            count += (self.tokens - 1) * max(0.0, min(end, self.received) - max(begin, first)) / self.generating
        return count


class Words:
    """Random texts of words that are single tokens in the tokenizer's vocabulary."""

    def __init__(self, tokenizer, seed):
        vocabulary = json.loads(tokenizer.read_text())["model"].get("vocab", {})
        names = vocabulary if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
        words = {name[1:] for name in names if name[:1] in ("Ġ", "▁")}
        self.words = sorted(word for word in words if word.isascii() and word.isalpha() and word.islower() and len(word) > 2)
        if len(self.words) < 200:
            raise Failed(f"{tokenizer} has {len(self.words)} whole words; this script needs a tokenizer with at least 200")
        self.random = random.Random(seed)

    def text(self, count):
        return " ".join(self.random.choices(self.words, k=count))


@dataclass(frozen=True)
class Cell:
    """What is asked of a group of workers.

    sequences: requests that are open at a time; models: adapters that requests name in turn, or the base model
    """
    name: str
    sequences: int
    models: tuple
    new_tokens: int

    @classmethod
    def parse(cls, text, adapters, new_tokens):
        """A cell such as 8-base, 8-mixed or 32-mixed-256: sequences, kind and, if they are not the default, new tokens."""
        sequences, kind, *tokens = text.split("-")
        if kind not in ("base", "mixed") or int(sequences) < 1 or len(tokens) > 1 or kind == "mixed" and not adapters:
            raise ValueError(f"'{text}' must be SEQUENCES-base or SEQUENCES-mixed, with adapters, and may end with -NEW_TOKENS")
        return cls(text, int(sequences), tuple(adapters) if kind == "mixed" else ("base",), int(tokens[0]) if tokens else new_tokens)


class Load:
    """Sends requests to the topics of one or several groups of workers, and reads their results."""

    def __init__(self, broker, words, prompt_tokens, cancel, patience):
        self.words, self.prompt_tokens = words, prompt_tokens
        self.cancel, self.patience = cancel, patience
        self.models, self.format, self.new_tokens = None, None, None
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 0, "acks": "all"})
        self.consumer = Consumer({"bootstrap.servers": broker, "log_level": 0, "group.id": "bench", "enable.auto.commit": False,
                                  "isolation.level": "read_committed"})
        self.partitions = {}
        self.numbers = itertools.count()
        self.random = random.Random(0)
        self.open = {}       # request id → (prefix, partition, time of sending, new tokens asked for)
        self.beside = {}     # request id → prefix, of requests with a long prompt beside the load, which are not measured
        self.beside_tokens = 0
        self.undelivered = None

    def watch(self, prefix):
        """Reads the results of a group of workers. Its topics must exist."""
        if prefix in self.partitions:
            return
        topic = f"{prefix}generation-results"
        self.consumer.incremental_assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in self.partitions_of(topic)])
        self.partitions[prefix] = self.partitions_of(f"{prefix}generation-requests")

    def partitions_of(self, topic):
        found = self.consumer.list_topics(topic, timeout=20).topics[topic].partitions
        if not found:
            raise Failed(f"topic '{topic}' does not exist")
        return sorted(found)

    def run(self, prefixes, cell, answer_format, seconds, meanwhile=lambda: None, at_begin=lambda: None, at_end=lambda: None, beside_tokens=0):
        """Keeps the requests of a cell open for each group. Returns the answers and the window, (begin, end).

        With `beside_tokens` each group also gets repeated requests with a prompt of that many tokens and one new token.

        The window begins when each group has answered once, and ends with the first answer after the given seconds, or
        after the time until each group has answered if that is longer. Requests that run in step have their prompts
        together, and a window that ends in the middle of their answers would have too many prompts for its tokens. One
        that ends with an answer avoids this if all sequences run in step.

        Requests are sent until the window ends; open requests are then cancelled, if the options say so, and waited for.
        `meanwhile` is called until the last answer arrives. Raises Failed for an error result, or if no answer arrives
        within the patience.
        """
        answers, silent, begin, end, length = [], set(prefixes), None, None, seconds
        self.ask_for(cell, answer_format)
        for _ in range(cell.sequences):
            for prefix in prefixes:
                self.send(prefix)
        self.beside_tokens = beside_tokens
        if beside_tokens:
            for prefix in prefixes:
                self.send_beside(prefix)
        last = started = time.monotonic()
        while self.open or self.beside:
            message = self.consumer.poll(0.05)
            now = time.monotonic()
            answer = message and self.answer(message, now)
            if answer:
                answers.append(answer)
                last = now
                if end is None and begin is not None and now >= begin + length:
                    end = now
                    at_end()
                    self.beside_tokens = 0
                    if self.cancel:
                        self.cancel_open()
                silent.discard(answer.prefix)
                if begin is None and not silent:
                    begin, length = now, max(seconds, now - started)
                    at_begin()
                if end is None:
                    self.send(answer.prefix)
            elif now > last + self.patience:
                raise Failed(f"{len(self.open)} requests had no answer for {self.patience} s")
            self.producer.poll(0)
            if self.undelivered:
                raise Failed(f"a request was not delivered: {self.undelivered}")
            meanwhile()
        return answers, (begin, end)

    def ask(self, prefix, cell, answer_format, meanwhile=lambda: None):
        """Sends one request to a group and returns its answer. `meanwhile` is called until it arrives."""
        self.ask_for(cell, answer_format)
        self.send(prefix)
        deadline = time.monotonic() + self.patience
        while True:
            message = self.consumer.poll(0.05)
            answer = message and self.answer(message, time.monotonic())
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise Failed(f"a request had no answer for {self.patience} s")
            self.producer.poll(0)
            if self.undelivered:
                raise Failed(f"a request was not delivered: {self.undelivered}")
            meanwhile()

    def ask_for(self, cell, answer_format):
        self.models, self.format, self.new_tokens = itertools.cycle(cell.models), answer_format, answer_format.new_tokens(cell.new_tokens)

    def send(self, prefix):
        """Sends to the partition with the fewest open requests, so that all workers of the group get the same number."""
        number, new_tokens = next(self.numbers), next(self.new_tokens)
        request = {"id": f"bench-{number}", "model": next(self.models), "prompt": self.words.text(self.prompt_tokens),
                   "temperature": 0, **self.format.request_fields(number, new_tokens)}
        busy = Counter(partition for other, partition, *_ in self.open.values() if other == prefix)
        partition = min(self.partitions[prefix], key=lambda number: (busy[number], self.random.random()))
        self.open[request["id"]] = prefix, partition, time.monotonic(), new_tokens
        self.producer.produce(f"{prefix}generation-requests", key=request["id"], value=json.dumps(request).encode(),
                              partition=partition, on_delivery=self.delivered)
        self.producer.poll(0)

    def send_beside(self, prefix):
        request = {"id": f"beside-{next(self.numbers)}", "model": next(self.models), "prompt": self.words.text(self.beside_tokens),
                   "max_tokens": 1, "temperature": 0}
        self.beside[request["id"]] = prefix
        self.producer.produce(f"{prefix}generation-requests", key=request["id"], value=json.dumps(request).encode(),
                              partition=self.random.choice(self.partitions[prefix]), on_delivery=self.delivered)
        self.producer.poll(0)

    def cancel_open(self):
        for request, (prefix, *_) in self.open.items():
            self.producer.produce(f"{prefix}generation-cancellations", key=request, value=json.dumps({"id": request}).encode(),
                                  on_delivery=self.delivered)

    def delivered(self, error, _):
        self.undelivered = self.undelivered or error

    def answer(self, message, now):
        """The answer in a record; None if it belongs to no open request."""
        if message.error():
            raise KafkaException(message.error())
        result = json.loads(message.value())
        prefix = self.beside.pop(result["id"], None)
        if prefix is not None and "error" in result:
            raise Failed(f"request {result['id']} was answered with an error: {result['error']}")
        if prefix is not None and self.beside_tokens:
            self.send_beside(prefix)
        sent = self.open.pop(result["id"], None)
        if sent is None:
            return None
        prefix, _, at, asked = sent
        if "error" in result:
            raise Failed(f"request {result['id']} was answered with an error: {result['error']}")
        usage, told = result["usage"], result["tidemark"]
        tokens, reason = usage["completion_tokens"], result["choices"][0]["finish_reason"]
        whole = reason != "cancelled"
        if whole and (fault := self.format.fault(tokens, reason, asked)):
            raise Failed(f"the answer of request {result['id']} {fault}")
        generating = (told["total_ms"] - told["queued_ms"] - told["first_token_ms"]) / 1000 if tokens else 0.0
        return Answer(prefix, told["worker"], at, now, usage["prompt_tokens"], tokens, whole, generating)

    def close(self):
        self.consumer.close()
