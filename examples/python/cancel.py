"""Sends a long request, cancels it when its first text arrives, and prints the result, which has the text so far.

    python cancel.py BROKER ADAPTER
"""
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

SECONDS = 60


def main(broker, adapter):
    reader = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False,
                       "isolation.level": "read_committed"})
    from_now(reader, "generation-events", "generation-results")
    writer = Producer({"bootstrap.servers": broker})
    request = {"id": str(uuid.uuid4()), "model": adapter, "prompt": "Restaurant facts:", "max_tokens": 400,
               "ignore_eos": True, "stream": True}
    write(writer, "generation-requests", request)
    wait_for(reader, "generation-events", request["id"])
    # An id cancels all requests that have it. A producer that knows the record's position can name that as "source".
    write(writer, "generation-cancellations", {"id": request["id"], "reason": "the user closed the page"})
    result = wait_for(reader, "generation-results", request["id"])
    reader.close()
    choice = result["choices"][0]
    print(f"{choice['finish_reason']} after {result['usage']['completion_tokens']} of {request['max_tokens']} tokens")


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


def wait_for(consumer, topic, request):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        record = consumer.poll(1)
        if record is None or record.error() or record.topic() != topic:
            continue
        value = json.loads(record.value())
        if value["id"] == request:
            return value
    sys.exit(f"nothing on {topic} within {SECONDS} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
