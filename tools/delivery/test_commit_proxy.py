"""python -m unittest discover -s tools/delivery"""
import asyncio
import socket
import struct
import threading
import unittest

import commit_proxy
from commit_proxy import END_TXN, SYNC_GROUP, CommitProxy, FrameError

PRODUCE, FETCH = 0, 1


def frame(body):
    return struct.pack(">i", len(body)) + body


def request(api_key, correlation_id, body=b"", version=3):
    return frame(struct.pack(">hhi", api_key, version, correlation_id) + body)


def answer(correlation_id, body=b"ok"):
    return frame(struct.pack(">i", correlation_id) + body)


def read_frame(connection):
    """The next frame; empty when the connection is closed."""
    prefix = read_bytes(connection, 4)
    return prefix and prefix + read_bytes(connection, struct.unpack(">i", prefix)[0])


def read_bytes(connection, count):
    data = bytearray()
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            return b""
        data += more
    return bytes(data)


class EchoBroker:
    """Answers each request with its correlation id and records its kind."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.received = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            while data := read_frame(connection):
                header = commit_proxy.request_header(data)
                self.received.append(header)
                connection.sendall(answer(header.correlation_id, data[12:]))

    def close(self):
        self._server.close()


class Framing(unittest.TestCase):

    def read(self, *parts):
        async def frames():
            reader = asyncio.StreamReader()
            async def feed():
                for part in parts:
                    reader.feed_data(part)
                    await asyncio.sleep(0)
                reader.feed_eof()
            feeding = asyncio.create_task(feed())
            found = []
            while (each := await commit_proxy.read_frame(reader)) is not None:
                found.append(each)
            await feeding
            return found
        return asyncio.run(frames())

    def test_frames_are_found_however_the_bytes_are_divided(self):
        sent = [request(END_TXN, 7, b"abc"), request(PRODUCE, 8), request(PRODUCE, 9, b"x" * 100_000)]
        together = b"".join(sent)
        self.assertEqual(sent, self.read(together))
        self.assertEqual(sent[:2], self.read(*(together[i:i + 1] for i in range(len(sent[0]) + len(sent[1])))))
        self.assertEqual(sent, self.read(together[:3], together[3:20], together[20:]))

    def test_an_incomplete_frame_ends_the_stream(self):
        self.assertEqual([], self.read(request(PRODUCE, 1)[:-1]))
        self.assertEqual([], self.read(b"\0\0"))

    def test_a_length_that_no_frame_has_is_an_error(self):
        with self.assertRaises(FrameError):
            self.read(b"GET / HTTP/1.1\r\n")

    def test_a_request_has_kind_version_and_correlation_id(self):
        self.assertEqual((END_TXN, 5, 77), commit_proxy.request_header(request(END_TXN, 77, version=5)))

    def test_the_generation_of_a_group_is_read_from_old_and_compact_requests(self):
        client = struct.pack(">h", 6) + b"client"
        old = client + struct.pack(">h", 7) + b"workers" + struct.pack(">i", 41)
        compact = client + b"\0" + bytes([8]) + b"workers" + struct.pack(">i", 42)
        no_client = struct.pack(">h", -1) + b"\0" + bytes([8]) + b"workers" + struct.pack(">i", 43)
        self.assertEqual(("workers", 41), commit_proxy.group_generation(request(SYNC_GROUP, 1, old, version=3)))
        self.assertEqual(("workers", 42), commit_proxy.group_generation(request(SYNC_GROUP, 1, compact, version=5)))
        self.assertEqual(("workers", 43), commit_proxy.group_generation(request(SYNC_GROUP, 1, no_client, version=5)))


class Proxy(unittest.TestCase):

    def setUp(self):
        self.broker = EchoBroker()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.proxy = CommitProxy({self.port: self.broker.port})
        self.proxy.start()
        self.addCleanup(self.broker.close)
        self.addCleanup(self.proxy.close)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    def test_requests_and_answers_pass_unchanged(self):
        connection = self.connect()
        connection.sendall(request(PRODUCE, 1, b"x" * 3_000_000) + request(END_TXN, 2, b"b"))
        self.assertEqual(answer(1, b"x" * 3_000_000), read_frame(connection))
        self.assertEqual(answer(2, b"b"), read_frame(connection))

    def test_the_broker_gets_a_commit_whose_answer_is_lost_and_the_connection_closes(self):
        self.proxy.lose(END_TXN)
        connection = self.connect()
        connection.sendall(request(PRODUCE, 1))
        self.assertEqual(answer(1, b""), read_frame(connection))
        connection.sendall(request(END_TXN, 2))
        self.assertEqual(b"", read_frame(connection))
        self.assertEqual([PRODUCE, END_TXN], [header.api_key for header in self.broker.received])
        self.assertEqual(["EndTxn"], [name for _, name in self.proxy.lost])

    def test_one_answer_is_lost_for_each_call_and_only_of_that_kind(self):
        self.proxy.lose(END_TXN)
        first, second = self.connect(), self.connect()
        first.sendall(request(END_TXN, 5))
        self.assertEqual(b"", read_frame(first))
        second.sendall(request(END_TXN, 5))
        self.assertEqual(answer(5, b""), read_frame(second))
        self.assertEqual(1, len(self.proxy.lost))

    def test_a_worker_of_a_broker_that_is_down_gets_a_closed_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
            port, nobody = free.getsockname()[1], other.getsockname()[1]
        proxy = CommitProxy({port: nobody})
        proxy.start()
        self.addCleanup(proxy.close)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            self.assertEqual(b"", read_frame(connection))

    def test_a_held_write_and_what_follows_it_does_not_arrive(self):
        hold = self.proxy.hold(2, delivered=False)
        connection, other = self.connect(), self.connect()
        connection.sendall(request(PRODUCE, 1) + request(FETCH, 2))
        self.assertEqual([answer(1, b""), answer(2, b"")], [read_frame(connection), read_frame(connection)])
        self.assertFalse(hold.reached.is_set())
        connection.sendall(request(END_TXN, 3) + request(PRODUCE, 4))
        self.assertTrue(hold.reached.wait(10))
        other.sendall(request(PRODUCE, 5))
        self.assertEqual(answer(5, b""), read_frame(other))
        self.assertEqual([1, 2, 5], [header.correlation_id for header in self.broker.received])

    def test_a_write_whose_answer_is_held_arrives_and_nothing_after_it(self):
        hold = self.proxy.hold(1, delivered=True)
        connection = self.connect()
        connection.sendall(request(END_TXN, 3) + request(PRODUCE, 4))
        self.assertTrue(hold.reached.wait(10))
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        self.assertEqual([3], [header.correlation_id for header in self.broker.received])

    def test_writes_are_named_in_their_order_and_a_released_hold_stops_nothing(self):
        self.proxy.hold(1, delivered=False)
        self.proxy.release()
        connection = self.connect()
        connection.sendall(request(PRODUCE, 1) + request(FETCH, 2) + request(END_TXN, 3))
        for _ in range(3):
            read_frame(connection)
        self.assertEqual(["Produce", "EndTxn"], self.proxy.take_writes())
        self.assertEqual([], self.proxy.take_writes())

    def test_generations_of_a_group_are_counted_once(self):
        connection = self.connect()
        for correlation_id, generation in enumerate((4, 4, 5)):
            body = struct.pack(">h", -1) + b"\0" + bytes([2]) + b"g" + struct.pack(">i", generation)
            connection.sendall(request(SYNC_GROUP, correlation_id, body, version=5))
            read_frame(connection)
        self.assertEqual(2, self.proxy.generations("g"))


if __name__ == "__main__":
    unittest.main()
