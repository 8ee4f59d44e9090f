"""Sends a long request, cancels it when its first text arrives, and prints the result, which has the text so far.

    python cancel.py BROKER ADAPTER
"""
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition


def main(broker, adapter):
    reader = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False,
                       "isolation.level": "read_committed"})
    from_now(reader, "generation-events", "generation-results")
    writer = Producer({"bootstrap.servers": broker})
    request = {"id": str(uuid.uuid4()), "model": adapter, "prompt": "Restaurant facts:", "max_tokens": 400,
               "ignore_eos": True, "stream": True}
    write(writer, "generation-requests", request)
    topic, result = wait_for(reader, request["id"], "generation-events", "generation-results")
    if topic == "generation-events":
        # An id cancels all requests that have it. A producer that knows the record's position can name it as "source".
        write(writer, "generation-cancellations", {"id": request["id"], "reason": "the user closed the page"})
        topic, result = wait_for(reader, request["id"], "generation-results")
    reader.close()
    if result["object"] == "error":
        sys.exit(f"{result['error']['code']}: {result['error']['message']}")
    print(f"{result['choices'][0]['finish_reason']} after {result['usage']['completion_tokens']} of 400 tokens")


def from_now(consumer, *topics):
    """Reads all partitions of the topics from their present ends, without a consumer group."""
    partitions = [TopicPartition(topic, p) for topic in topics
                  for p in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    ends = [consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions]
    consumer.assign([TopicPartition(p.topic, p.partition, end) for p, end in zip(partitions, ends)])


def write(producer, topic, value):
    producer.produce(topic, key=value["id"], value=json.dumps(value))
    if producer.flush(30):
        sys.exit(f"no record could be written to {topic} within 30 s")


def wait_for(consumer, request, *topics, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        record = consumer.poll(1)
        if record is None or record.error() or record.topic() not in topics:
            continue
        value = json.loads(record.value())
        if value["id"] == request:
            return record.topic(), value
    sys.exit(f"nothing on {topics} within {seconds} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
