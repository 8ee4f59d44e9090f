"""A TCP proxy between workers and brokers that loses responses to commits.

The broker advertises the proxy's port, so that every connection of a worker passes through it. The proxy copies
complete frames of Kafka's protocol. `lose` makes it forward the next request of one kind, read the broker's answer, and
close the connection in place of passing the answer on: the broker has committed and the worker cannot know it. `hold`
makes it stop a connection at a write: the request or its answer does not arrive, and nothing of this connection after it.

The proxy also counts the generations of each consumer group, from the SyncGroup requests that pass.
"""
import asyncio
import collections
import struct
import threading
import time

END_TXN = 26
TXN_OFFSET_COMMIT = 28
SYNC_GROUP = 14
NAMES = {END_TXN: "EndTxn", TXN_OFFSET_COMMIT: "TxnOffsetCommit"}
# requests that change what a broker stores, but those of the membership in a group
WRITES = {0: "Produce", 8: "OffsetCommit", 22: "InitProducerId", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", **NAMES}
# from this version on, a SyncGroup request has compact strings
SYNC_GROUP_COMPACT = 4
MAX_FRAME = 100 * 1024 * 1024
HOST = "127.0.0.1"

RequestHeader = collections.namedtuple("RequestHeader", "api_key version correlation_id")


class FrameError(Exception):
    """Bytes that are no frame of Kafka's protocol."""


async def read_frame(reader):
    """The next frame: four bytes of length, and the body. None at the end of the stream, also inside a frame."""
    try:
        prefix = await reader.readexactly(4)
        size = struct.unpack(">i", prefix)[0]
        if not 4 <= size <= MAX_FRAME:
            raise FrameError(f"a frame has {size} bytes")
        return prefix + await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        return None


def request_header(frame):
    if len(frame) < 12:
        raise FrameError(f"a request has {len(frame)} bytes and no header")
    return RequestHeader(*struct.unpack_from(">hhi", frame, 4))


def answered_correlation_id(frame):
    return struct.unpack_from(">i", frame, 4)[0]


def group_generation(frame):
    """Group and generation of a SyncGroup request."""
    version = request_header(frame).version
    at = 12
    client_id = struct.unpack_from(">h", frame, at)[0]
    at += 2 + max(0, client_id)
    if version < SYNC_GROUP_COMPACT:
        length = struct.unpack_from(">h", frame, at)[0]
        at += 2
    else:
        tags, at = _varint(frame, at)
        if tags:
            raise FrameError("the header of a SyncGroup request has tagged fields")
        length, at = _varint(frame, at)
        length -= 1
    group = frame[at:at + length].decode()
    return group, struct.unpack_from(">i", frame, at + length)[0]


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


class Hold:
    """A write at which a connection stops. `reached` is set when nothing of the connection arrives any more."""

    def __init__(self, number, delivered):
        """number: of the write, from 1; delivered: whether the broker gets the write, and only its answer is withheld"""
        self.left = number
        self.delivered = delivered
        self.reached = threading.Event()


class CommitProxy:
    """Runs on a thread of its own, from `start` to `close`. The other methods may be called on any thread."""

    def __init__(self, routes):
        """routes: the broker's port of each port on which the proxy listens"""
        self._routes = dict(routes)
        self._armed = collections.Counter()
        self._lock = threading.Lock()
        self._lost = []
        self._writes = []
        self._hold = None
        self._generations = collections.defaultdict(set)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="commit-proxy", daemon=True)
        self._servers = []
        self._connections = set()

    def start(self):
        """Returns when all ports are open."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self):
        """Closes all ports and connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def lose(self, api_key):
        """Loses the answer to the next request of this kind, on whichever connection it comes."""
        with self._lock:
            self._armed[api_key] += 1

    @property
    def lost(self):
        """(time.monotonic(), name of the request) of each answer that was lost."""
        with self._lock:
            return list(self._lost)

    def hold(self, number, delivered):
        """
        Stops a connection at a write: 1 is the next one, on whichever connection it comes. Replaces an earlier hold that
        was not reached. The connection stays stopped until its client closes it.
        """
        with self._lock:
            self._hold = Hold(number, delivered)
            return self._hold

    def release(self):
        """Forgets a hold that was not reached."""
        with self._lock:
            self._hold = None

    def take_writes(self):
        """The names of the writes since the last call, in the order in which they arrived; also of those not passed on."""
        with self._lock:
            writes, self._writes = self._writes, []
            return writes

    def generations(self, group):
        """Number of generations of a group so far: one more than its rebalances."""
        with self._lock:
            return len(self._generations[group])

    async def _listen(self):
        for port, broker_port in self._routes.items():
            async def accept(reader, writer, broker_port=broker_port):
                await self._serve(reader, writer, broker_port)
            self._servers.append(await asyncio.start_server(accept, HOST, port))

    async def _end(self):
        for server in self._servers:
            server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, worker_reader, worker_writer, broker_port):
        """Copies frames in both directions until one side closes or an answer is lost."""
        task = asyncio.current_task()
        self._connections.add(task)
        broker_writer = None
        pumps = []
        try:
            broker_reader, broker_writer = await asyncio.open_connection(HOST, broker_port)
            unanswered = set()   # correlation ids of requests whose answer is lost
            pumps = [asyncio.create_task(self._requests(worker_reader, broker_writer, unanswered)),
                     asyncio.create_task(self._answers(broker_reader, worker_writer, unanswered))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass   # the broker is down; the worker gets a closed connection, as from a broker that is down
        except asyncio.CancelledError:
            pass   # the proxy ends; asyncio's streams would report the cancellation as an error
        finally:
            self._connections.discard(task)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in (worker_writer, broker_writer):
                if writer is not None:
                    writer.close()

    async def _requests(self, reader, writer, unanswered):
        while (frame := await read_frame(reader)) is not None:
            header = request_header(frame)
            if header.api_key in NAMES and self._disarm(header.api_key):
                unanswered.add((header.correlation_id, header.api_key))
            elif header.api_key == SYNC_GROUP:
                group, generation = group_generation(frame)
                with self._lock:
                    self._generations[group].add(generation)
            hold = self._held(header)
            if hold is not None:
                if hold.delivered:
                    unanswered.add((header.correlation_id, hold))
                    writer.write(frame)
                    await writer.drain()
                else:
                    hold.reached.set()
                while await reader.read(1 << 16):
                    pass   # what the client sends after it does not arrive
                return
            writer.write(frame)
            await writer.drain()

    async def _answers(self, reader, writer, unanswered):
        while (frame := await read_frame(reader)) is not None:
            lost = [each for each in unanswered if each[0] == answered_correlation_id(frame)] if unanswered else []
            if lost and isinstance(lost[0][1], Hold):
                lost[0][1].reached.set()
                await asyncio.Event().wait()   # until the client closes the connection
            if lost:
                with self._lock:
                    self._lost.append((time.monotonic(), NAMES[lost[0][1]]))
                return
            writer.write(frame)
            await writer.drain()

    def _held(self, header):
        """The hold whose turn is this request, or None. Counts the writes."""
        with self._lock:
            if header.api_key not in WRITES:
                return None
            self._writes.append(WRITES[header.api_key])
            if self._hold is None:
                return None
            self._hold.left -= 1
            if self._hold.left > 0:
                return None
            hold, self._hold = self._hold, None
            return hold

    def _disarm(self, api_key):
        with self._lock:
            if self._armed[api_key] > 0:
                self._armed[api_key] -= 1
                return True
            return False
