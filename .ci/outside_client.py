"""An independent client: waits until `tidemark serve` is ready, sends one request with confluent-kafka and reads its result,
which names the topic, partition and offset of the request.

    python outside_client.py BROKER HTTP_ADDRESS PID ADAPTER
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition

READY_SECONDS, ANSWER_SECONDS = 120, 60
PROMPT = "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:"


def main():
    broker, http, pid, adapter = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    wait_until_ready(http, pid)
    for path in ("/q/health/live", "/q/health/started", "/q/metrics"):
        if status(http + path) != 200:
            sys.exit(f"{path} is not 200")
    results = consumer_at_end(broker, "generation-results")
    producer = Producer({"bootstrap.servers": broker})
    request = {"id": "outside-1", "model": adapter, "prompt": PROMPT, "max_tokens": 48, "temperature": 0}
    sent = []   # the position of the request's record
    producer.produce("generation-requests", key=adapter, value=json.dumps(request).encode(),
                     on_delivery=lambda error, message: sent.append(error or position(message)))
    producer.flush(10)
    if not sent or not isinstance(sent[0], dict):
        sys.exit(f"the request was not delivered: {sent}")
    result = result_of(sent[0], results)
    if result["id"] != "outside-1" or not result["choices"][0]["text"].strip():
        sys.exit(f"unexpected result: {result}")
    print(f"boundary {result['tidemark']['boundary']} of {result['tidemark']['num_layers']}:{result['choices'][0]['text']}")


def wait_until_ready(http, pid):
    end = time.monotonic() + READY_SECONDS
    while status(http + "/q/health/ready") != 200:
        os.kill(pid, 0)   # raises when the server has ended
        if time.monotonic() > end:
            sys.exit(f"not ready within {READY_SECONDS} s")
        time.sleep(0.1)


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def consumer_at_end(broker, topic):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "outside", "isolation.level": "read_committed", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]) for p in partitions]
    consumer.assign(ends)
    return consumer


def position(message):
    return {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}


def result_of(source, consumer):
    """The result of the request at a position."""
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        result = json.loads(message.value())
        if result["tidemark"]["source"] == source:
            consumer.close()
            return result
    sys.exit(f"no result within {ANSWER_SECONDS} s")


if __name__ == "__main__":
    main()
