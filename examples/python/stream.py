"""Prints the text of a request while it is generated.

    python stream.py BROKER ADAPTER
"""
import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

PROMPT = "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:"


def main(broker, adapter):
    events = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False})
    from_now(events, "generation-events")
    request = {"id": str(uuid.uuid4()), "model": adapter, "prompt": PROMPT, "max_tokens": 48, "temperature": 0,
               "stream": True}
    producer = Producer({"bootstrap.servers": broker})
    producer.produce("generation-requests", key=adapter, value=json.dumps(request))
    if producer.flush(30):
        sys.exit("the request was not written within 30 s")
    for text in texts(request["id"], events, seconds=60):
        print(text, end="", flush=True)
    print()
    events.close()


def from_now(consumer, topic):
    """Reads all partitions of a topic from their present ends, without a consumer group."""
    partitions = [TopicPartition(topic, p) for p in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    ends = [consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions]
    consumer.assign([TopicPartition(p.topic, p.partition, end) for p, end in zip(partitions, ends)])


def texts(request, consumer, seconds):
    """The texts of a request's events up to the last one. If another worker takes the request over, it begins again."""
    attempt, end = None, time.monotonic() + seconds
    while time.monotonic() < end:
        record = consumer.poll(1)
        if record is None or record.error() is not None:
            continue
        event = json.loads(record.value())
        if event["id"] != request or (attempt is not None and event["attempt"] < attempt):
            continue   # of another request, or of a worker that has lost the request
        if attempt is not None and event["attempt"] > attempt:
            yield "\n(begun again) "
        attempt = event["attempt"]
        yield event["text"]
        if "finish_reason" in event:
            return
    sys.exit(f"no last event within {seconds} s; the result has the whole text")


if __name__ == "__main__":
    main(*sys.argv[1:])
