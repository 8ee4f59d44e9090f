"""python -m unittest discover -s tools/delivery"""
import socket
import struct
import threading
import unittest

from offset_metadata import OffsetMetadataReader, committed, committed_metadata, owner, suspect

OWNER = "tidemark/1 owner=tidemark-workers%2Fworker-1-5f3c09ab"


class Metadata(unittest.TestCase):

    def test_a_request_that_was_running_alone_at_a_death_is_a_suspect(self):
        self.assertEqual(1234, suspect(f"{OWNER} idle=1 deaths=2<1207 trying=1234x1 done=AAAA"))
        self.assertEqual(0, suspect("tidemark/1 deaths=2<1 trying=0x12"))

    def test_a_request_that_runs_alone_for_the_first_time_is_none(self):
        self.assertIsNone(suspect(f"{OWNER} deaths=2<1207 trying=1234x0"))

    def test_metadata_without_a_request_that_runs_alone_has_none(self):
        for metadata in (None, "", "tidemark/1", f"{OWNER} deaths=2<1207 done=trying", f"{OWNER}trying=5x1"):
            with self.subTest(metadata):
                self.assertIsNone(suspect(metadata))

    def test_metadata_of_another_form_is_an_error(self):
        for metadata in ("tidemark/2 trying=5x1", f"{OWNER} trying=5", f"{OWNER} trying=5x1x1", f"{OWNER} trying=x1", "x"):
            with self.subTest(metadata), self.assertRaises(ValueError):
                suspect(metadata)

    def test_the_owner_is_the_transactional_id(self):
        self.assertEqual("tidemark-workers%2Fworker-1-5f3c09ab", owner(f"{OWNER} done=AAAA"))
        for metadata in (None, "", "tidemark/1 done=AAAA"):
            self.assertIsNone(owner(metadata))


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def offsets(partitions, error=0):
    """An answer of version 5 with the metadata, or the error code, of partitions of the topic `requests`."""
    body = struct.pack(">ii", 0, 0) + struct.pack(">i", 1) + text("requests") + struct.pack(">i", len(partitions))
    for partition, metadata in partitions.items():
        code = metadata if isinstance(metadata, int) else 0
        body += struct.pack(">iqi", partition, 7, -1) + (struct.pack(">h", -1) if code else text(metadata)) + struct.pack(">h", code)
    body += struct.pack(">h", error)
    return struct.pack(">i", len(body)) + body


class Broker:
    """Gives each connection the next answer, and records the requests."""

    def __init__(self, *answers):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = self._server.getsockname()
        self.requests = []
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def _serve(self, answers):
        for answer in answers:
            connection, _ = self._server.accept()
            with connection:
                self.requests.append(connection.recv(1000))
                connection.sendall(answer)
        self._server.close()

    def await_end(self):
        """Returns when all answers are given; from then on, connections are refused."""
        self._thread.join(10)


class Fetching(unittest.TestCase):

    def test_the_metadata_of_each_partition_is_read_exactly(self):
        broker = Broker(offsets({0: "tidemark/1 trying=7x1", 3: "", 2: "x" * 3000}))
        self.assertEqual({("requests", 0): "tidemark/1 trying=7x1", ("requests", 3): "", ("requests", 2): "x" * 3000},
                         committed_metadata(broker.address, "group", 10))
        self.assertEqual([b"\0\0\0\x15" + b"\0\x09\0\x05" + b"\0\0\0\0" + b"\xff\xff" + b"\0\x05group" + b"\xff\xff\xff\xff"],
                         broker.requests)

    def test_the_offset_of_each_partition_is_read_with_its_metadata(self):
        broker = Broker(offsets({0: "a", 1: ""}))
        self.assertEqual({("requests", 0): (7, "a"), ("requests", 1): (7, "")}, committed(broker.address, "group", 10))

    def test_a_partition_with_an_error_is_left_out(self):
        self.assertEqual({("requests", 1): "a"}, committed_metadata(Broker(offsets({0: 3, 1: "a"})).address, "group", 10))

    def test_a_broker_that_does_not_coordinate_the_group_is_an_error(self):
        with self.assertRaisesRegex(OSError, "error 16"):
            committed_metadata(Broker(offsets({}, error=16)).address, "group", 10)

    def test_an_incomplete_answer_is_an_error(self):
        with self.assertRaises(OSError):
            committed_metadata(Broker(offsets({0: "a"})[:-1]).address, "group", 10)


class Reading(unittest.TestCase):

    def reader(self, *brokers):
        return OffsetMetadataReader(",".join(f"{broker.address[0]}:{broker.address[1]}" for broker in brokers), "group")

    def test_a_request_is_a_suspect_until_its_partition_names_it_no_more(self):
        reader = self.reader(Broker(offsets({0: "tidemark/1 trying=7x1", 1: "tidemark/1 trying=8x0"}), offsets({0: "tidemark/1"})))
        self.assertTrue(reader.read())
        self.assertEqual([("requests", 0, 7)], reader.suspects)
        self.assertTrue(reader.read())
        self.assertEqual([], reader.suspects)

    def test_the_last_known_suspects_remain_while_no_broker_answers(self):
        broker = Broker(offsets({0: "tidemark/1 trying=7x1"}))
        reader = self.reader(broker)
        reader.read()
        broker.await_end()
        self.assertFalse(reader.read())
        self.assertEqual([("requests", 0, 7)], reader.suspects)

    def test_the_owner_of_a_partition_is_the_last_one_that_was_read(self):
        reader = self.reader(Broker(offsets({0: OWNER}), offsets({0: "tidemark/1 owner=b"})))
        reader.read()
        self.assertEqual({("requests", 0): "tidemark-workers%2Fworker-1-5f3c09ab"}, reader.owners)
        reader.read()
        self.assertEqual({("requests", 0): "b"}, reader.owners)

    def test_the_broker_that_coordinates_the_group_is_found(self):
        reader = self.reader(Broker(offsets({}, error=16)), Broker(offsets({0: "tidemark/1 trying=7x1"})))
        self.assertTrue(reader.read())
        self.assertEqual([("requests", 0, 7)], reader.suspects)

    def test_metadata_that_is_not_understood_is_a_failure_of_the_run(self):
        reader = self.reader(Broker(offsets({0: "tidemark/1 trying=7"})))
        reader.run()
        self.assertEqual(1, len(reader.failures))
        self.assertIn("the field 'trying=7'", reader.failures[0])


if __name__ == "__main__":
    unittest.main()
