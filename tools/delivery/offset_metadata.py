"""What the metadata of the group's committed offsets says: the owner of each partition, and suspected requests.

A suspect is a request that was running alone at a death of a worker. The metadata names the request that runs alone and
the number of deaths so far: `trying=1234x1`.
"""
import re
import socket
import struct
import threading

from commit_proxy import MAX_FRAME

VERSION = "tidemark/1"
TRYING = re.compile(r"trying=(\d+)x(\d+)")
OFFSET_FETCH = 9
# the last version without compact strings and tagged fields
OFFSET_FETCH_VERSION = 5


def suspect(metadata):
    """
    The offset of the request that was running alone when a worker died; None if there is none.

    Text of another form is a ValueError: without the number of deaths, the run cannot detect suspects.
    """
    if not metadata:
        return None
    version, *fields = metadata.split(" ")
    if version != VERSION:
        raise ValueError(f"the metadata of a committed offset does not start with '{VERSION}': {metadata[:100]}")
    for field in fields:
        if field.startswith("trying="):
            match = TRYING.fullmatch(field)
            if match is None:
                raise ValueError(f"the metadata of a committed offset has the field '{field}'")
            return int(match[1]) if int(match[2]) > 0 else None
    return None


def owner(metadata):
    """The transactional id of the worker that owns the partition; None if it has none."""
    return next((field[6:] for field in (metadata or "").split(" ") if field.startswith("owner=")), None)


def committed_metadata(address, group, seconds):
    """The metadata of all committed offsets of a group, by topic and partition; errors as `committed`."""
    return {partition: metadata for partition, (_, metadata) in committed(address, group, seconds).items()}


def committed(address, group, seconds):
    """
    Offset and metadata of all commits of a group, by topic and partition. An OSError if the broker does not respond in time
    or does not coordinate the group.

    This does not use the AdminClient: confluent_kafka 2.16 expects a trailing zero byte, which only it writes; without one
    it reads past the end of the metadata.
    """
    with socket.create_connection(address, timeout=seconds) as connection:
        # no client id, and all topics
        body = struct.pack(">hhihh", OFFSET_FETCH, OFFSET_FETCH_VERSION, 0, -1, len(group)) + group.encode() + struct.pack(">i", -1)
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as stream:
            size = struct.unpack(">i", _read(stream, 4))[0]
            if not 0 < size < MAX_FRAME:
                raise OSError(f"a response of {size} bytes")
            response = _Fields(_read(stream, size))
    response.take(">ii")   # correlation id and throttle time
    found = {}
    for _ in range(response.take(">i")):
        topic = response.text()
        for _ in range(response.take(">i")):
            partition, offset, _ = response.take(">iqi")   # and leader epoch
            metadata, error = response.text(), response.take(">h")
            if error == 0:
                found[topic, partition] = offset, metadata
    if error := response.take(">h"):
        raise OSError(f"the broker answers with error {error}")
    return found


def _read(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise OSError("the connection was closed")
    return data


class _Fields:
    """The fields of a response, one after the other."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def take(self, layout):
        """The next number, or several."""
        numbers = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return numbers if len(numbers) > 1 else numbers[0]

    def text(self):
        length = max(0, self.take(">h"))
        self._at += length
        return self._data[self._at - length:self._at].decode()


class OffsetMetadataReader(threading.Thread):
    """Reads the metadata several times a second. While no broker responds, the last known suspects remain."""

    # a suspect is detected after this time at most
    PAUSE_SECONDS = 0.25
    TIMEOUT_SECONDS = 2

    def __init__(self, brokers, group):
        super().__init__(name="offset-metadata", daemon=True)
        self._addresses = [tuple(each.rsplit(":", 1)) for each in brokers.split(",")]
        self._group = group
        self._ended = threading.Event()
        self._suspects = {}    # (topic, partition): offset or None
        self._owners = {}      # (topic, partition): transactional id or None
        self.failures = []

    @property
    def suspects(self):
        """(topic, partition, offset) of each suspect. For any thread."""
        return [(*partition, offset) for partition, offset in self._suspects.copy().items() if offset is not None]

    @property
    def owners(self):
        """The transactional id of the owner of each (topic, partition), or None. For any thread."""
        return self._owners.copy()

    def run(self):
        try:
            while not self._ended.wait(self.PAUSE_SECONDS):
                self.read()
        except (ValueError, struct.error) as e:
            self.failures.append(f"the committed metadata could not be read: {e}")

    def read(self):
        """Whether the broker that coordinates the group has responded."""
        for address in self._addresses:
            try:
                metadata = committed_metadata(address, self._group, self.TIMEOUT_SECONDS)
            except OSError:
                continue   # it is down, or another one coordinates the group
            self._suspects.update({partition: suspect(text) for partition, text in metadata.items()})
            self._owners.update({partition: owner(text) for partition, text in metadata.items()})
            return True
        return False

    def end(self):
        self._ended.set()
        self.join()
