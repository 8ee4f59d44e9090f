"""Reads the committed records of topics while brokers stop and start."""
import logging
import threading
import time

from confluent_kafka import Consumer, TopicPartition

LOG = logging.getLogger("chaos")
QUIET = {"log_level": 2}   # brokers come and go on purpose


class TopicReader(threading.Thread):
    """
    Reads the committed records of topics from their beginning, and calls `_take` with each on its thread.

    A consumer of librdkafka can stop fetching after a broker's restart (its issue 4492). So after RENEW_SECONDS without
    a record, another consumer continues at the same offsets. A consumer that stops fetching only some partitions is not
    noticed while others have records. The call that closes such a consumer may not return; after CLOSE_SECONDS it is
    left to its thread.
    """

    RENEW_SECONDS = 20
    CLOSE_SECONDS = 10

    def __init__(self, name, brokers, topics):
        """name: of the thread and of the consumer group"""
        super().__init__(name=name, daemon=True)
        self._topics = topics
        self._config = {"bootstrap.servers": brokers, "group.id": name, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                        "isolation.level": "read_committed", "fetch.wait.max.ms": 50, **QUIET}
        self._positions = {}   # (topic, partition): the offset of the next record
        self._ended = threading.Event()
        self._error = None

    def run(self):
        try:
            while not self._ended.is_set():
                consumer = Consumer(self._config)
                try:
                    self._read(consumer)
                finally:
                    self._close(consumer)
        except Exception as e:
            self._error = e
            raise   # its traceback is printed now

    def end(self):
        """Returns when the thread has ended. Raises what ended it before."""
        self._ended.set()
        self.join()
        if self._error is not None:
            raise self._error

    def _close(self, consumer):
        closing = threading.Thread(target=consumer.close, name=f"{self.name}-close", daemon=True)
        closing.start()
        closing.join(self.CLOSE_SECONDS)
        if closing.is_alive():
            LOG.warning("the consumer of '%s' does not close", self.name)

    def _read(self, consumer):
        """Returns after RENEW_SECONDS without a record, or at the end."""
        warn = bool(self._positions)   # if a record was there before this consumer
        if not warn:
            self._positions = {(topic, partition): 0 for topic in self._topics
                               for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions}
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._positions.items()])
        begin, last = time.time(), time.monotonic()
        while not self._ended.is_set() and time.monotonic() - last < self.RENEW_SECONDS:
            for message in consumer.consume(500, timeout=0.1):
                partition = message.topic(), message.partition()
                if message.error() is None and message.offset() >= self._positions[partition]:
                    if warn and message.timestamp()[1] / 1000 < begin - 1:
                        LOG.warning("the consumer of '%s' had stopped fetching; another one continues", self.name)
                    warn, last = False, time.monotonic()
                    self._take(message)
                    self._positions[partition] = message.offset() + 1

    def _take(self, message):
        raise NotImplementedError
