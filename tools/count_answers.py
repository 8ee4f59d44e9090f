"""Counts requests without a result and with more than one, by an independent reader of the topics.

    pip install confluent-kafka
    python tools/count_answers.py localhost:9092            # exits 1 when a request has no result

Reads both topics from beginning to end with librdkafka (`read_committed`). As in the worker, a request without an id, or too
large to be parsed (`tidemark.limits.request-bytes`), has the id topic-partition-offset.
"""
import collections
import json
import sys

from confluent_kafka import Consumer, TopicPartition

WAIT_SECONDS = 30
UNPARSED_BYTES = 1024 * 1024


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


def request_id(message):
    if len(message.value() or b"") > UNPARSED_BYTES:
        return place(message)
    try:
        named = json.loads(message.value())["id"]
    except (TypeError, ValueError, KeyError):
        named = None
    return named if isinstance(named, str) and named else place(message)


def place(message):
    return f"{message.topic()}-{message.partition()}-{message.offset()}"


def main():
    broker = sys.argv[1]
    asked = {request_id(message) for message in records(broker, "generation-requests")}
    results = [json.loads(message.value()) for message in records(broker, "generation-results")]
    answered = collections.Counter(result["id"] for result in results)
    errors = collections.Counter(result["error"]["code"] for result in results if "error" in result)
    kinds = collections.Counter((result["model"], result["tidemark"].get("boundary", "base")) for result in results if "choices" in result)
    missing = asked - set(answered)
    print(f"requests {len(asked)}, results {len(results)}, without a result {len(missing)}, "
          f"with more than one {sum(1 for count in answered.values() if count > 1)}, errors {dict(errors)}")
    for (model, boundary), count in sorted(kinds.items()):
        print(f"  {model} at boundary {boundary}: {count}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
