"""Sends a JSONL file of examples as validation batches, and waits until the calibrators have processed them.

    python validation_batches.py BROKER ADAPTER FILE [EXAMPLES_PER_BATCH]
"""
import json
import pathlib
import sys
import time
from itertools import islice

from confluent_kafka import Consumer, Producer, TopicPartition

TOPIC, GROUP = "validation-batches", "tidemark-calibrators"
STALLED_SECONDS = 120


def main(broker, adapter, file, size="16"):
    producer = Producer({"bootstrap.servers": broker, "message.max.bytes": 4 << 20})
    ends = {}   # the offset after the last batch, by partition
    for value in batches(pathlib.Path(file), adapter, int(size)):
        while len(producer) >= 4:   # at most so many batches of up to 4 MiB in memory
            producer.poll(1)
        producer.produce(TOPIC, key=adapter, value=value, on_delivery=lambda *report: note(ends, *report))
    producer.flush(60)
    wait_until_committed(broker, ends)


def batches(file, adapter, size):
    """Reads the file batch by batch. The id says where a batch is from: a batch with the same id counts once."""
    with file.open(encoding="utf-8") as lines:
        first = 1
        while examples := [json.loads(line) for line in islice(lines, size)]:
            yield json.dumps({"batch_id": f"{file.name}:{first}", "adapter": adapter, "examples": examples})
            first += len(examples)


def note(ends, error, record):
    if error:
        sys.exit(f"a batch was not written: {error}")
    ends[record.partition()] = max(ends.get(record.partition(), 0), record.offset() + 1)


def wait_until_committed(broker, ends):
    """A calibrator commits an offset in the transaction that has the batch's outcome. Joins no group."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": GROUP})
    before, since = None, time.monotonic()
    while time.monotonic() - since < STALLED_SECONDS:
        committed = consumer.committed([TopicPartition(TOPIC, partition) for partition in ends], timeout=10)
        offsets = {p.partition: p.offset for p in committed}
        if all(offsets[partition] >= end for partition, end in ends.items()):
            return print(f"processed up to {ends} of {TOPIC}")
        if offsets != before:
            before, since = offsets, time.monotonic()
        time.sleep(0.5)
    sys.exit(f"no progress for {STALLED_SECONDS} s: committed {before}, sent up to {ends}")


if __name__ == "__main__":
    main(*sys.argv[1:])
