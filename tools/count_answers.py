"""Counts request records without a committed result and with more than one, by an independent reader of the topics.

    pip install confluent-kafka
    python tools/count_answers.py localhost:9092            # exits 1 if there is one

Reads both topics from beginning to end with librdkafka (`read_committed`). A result names its request's record in
`tidemark.source`; results without it, which older workers wrote, are counted apart.
"""
import collections
import json
import sys

from confluent_kafka import Consumer, TopicPartition

WAIT_SECONDS = 30


def records(broker, topic):
    """Every record of a topic up to its current end offsets."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "count-answers", "isolation.level": "read_committed",
                         "enable.auto.commit": False, "enable.partition.eof": True})
    partitions = [TopicPartition(topic, p, 0) for p in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    consumer.assign(partitions)
    unfinished = {p.partition for p in partitions}
    while unfinished:
        message = consumer.poll(WAIT_SECONDS)
        if message is None:
            sys.exit(f"{topic}: no record for {WAIT_SECONDS} s")
        if message.error() is not None:   # the end of a partition
            unfinished.discard(message.partition())
        else:
            yield message
    consumer.close()


def source(result):
    """The position of the request's record; None if the result does not name it."""
    named = result["tidemark"].get("source")
    return named and (named["topic"], named["partition"], named["offset"])


def main():
    broker = sys.argv[1]
    asked = {(message.topic(), message.partition(), message.offset()) for message in records(broker, "generation-requests")}
    results = [json.loads(message.value()) for message in records(broker, "generation-results")]
    answered = collections.Counter(source(result) for result in results)
    unnamed = answered.pop(None, 0)
    errors = collections.Counter(result["error"]["code"] for result in results if "error" in result)
    kinds = collections.Counter((result["model"], result["tidemark"].get("boundary", "base")) for result in results if "choices" in result)
    missing = asked - set(answered)
    repeated = sum(1 for count in answered.values() if count > 1)
    print(f"requests {len(asked)}, results {len(results)}, without a result {len(missing)}, with more than one {repeated}, "
          f"errors {dict(errors)}" + (f", results without a source {unnamed}" if unnamed else ""))
    for (model, boundary), count in sorted(kinds.items()):
        print(f"  {model} at boundary {boundary}: {count}")
    sys.exit(1 if missing or repeated else 0)


if __name__ == "__main__":
    main()
