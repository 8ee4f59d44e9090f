"""Prints the boundaries that are in force, and then each change.

    python boundaries.py BROKER [CHANGES]      ends after so many changes; without the number it runs until Ctrl-C
"""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

TOPIC = "adapter-boundaries"   # a table: the last record of an adapter counts; one partition


def main(broker, changes="0"):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
    table, complete, left = {}, False, int(changes) or float("inf")
    while left > 0:
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error():   # the end of the partition, or a fault, after which the client reads on by itself
            if not complete and record.error().code() == KafkaError._PARTITION_EOF:
                complete = True
                print(f"in force: {table or 'full LoRA for all adapters'}", flush=True)
            continue
        adapter, boundary = record.key().decode(), boundary_of(record.value())
        table[adapter] = boundary
        if complete:
            print(f"{adapter}: {boundary}", flush=True)
            left -= 1
    consumer.close()


def boundary_of(value):
    if value is None:   # a tombstone
        return "full LoRA"
    fields = json.loads(value)
    writer, reason = fields.get("writer") or "operator", fields.get("reason") or "no reason"
    return f"boundary {fields['boundary']} ({writer}: {reason})"


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
