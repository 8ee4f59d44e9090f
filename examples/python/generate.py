"""Sends one request and waits for its result.

    python generate.py BROKER ADAPTER
"""
import json
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

PROMPT = "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:"


def main(broker, adapter):
    # Results are written in transactions: read_committed reads exactly one for each request.
    results = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False,
                        "isolation.level": "read_committed"})
    from_now(results, "generation-results")
    request = {"model": adapter, "prompt": PROMPT, "max_tokens": 48, "temperature": 0, "stop": ["\n"]}
    source = send(Producer({"bootstrap.servers": broker}), "generation-requests", adapter, request)
    result = result_of(source, results, seconds=60)
    results.close()
    if result["object"] == "error":   # an error is a result, too
        sys.exit(f"{result['error']['code']}: {result['error']['message']}")
    print(result["choices"][0]["text"].strip())
    print(f"{result['usage']['completion_tokens']} tokens, boundary {result['tidemark']['boundary']}", file=sys.stderr)


def from_now(consumer, topic):
    """Reads all partitions of a topic from their present ends, without a consumer group."""
    partitions = [TopicPartition(topic, p) for p in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    ends = [consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions]
    consumer.assign([TopicPartition(p.topic, p.partition, end) for p, end in zip(partitions, ends)])


def send(producer, topic, key, value):
    """Writes a record and returns its position, which its result names."""
    sent = []
    producer.produce(topic, key=key, value=json.dumps(value), on_delivery=lambda *report: sent.append(report))
    producer.flush(30)
    error, record = sent[0] if sent else ("no answer from the broker", None)
    if error:
        sys.exit(f"the request was not written: {error}")
    return {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}


def result_of(source, consumer, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        record = consumer.poll(1)
        if record is not None and record.error() is None:
            result = json.loads(record.value())
            if result["tidemark"]["source"] == source:
                return result
    sys.exit(f"no result within {seconds} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
