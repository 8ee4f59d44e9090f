#!/usr/bin/env python3
"""Starts one or three Kafka brokers as processes of their own, from the jars of the packaged application.

    mvn -q -B -Dmaven.test.skip=true package
    python tools/delivery/broker.py --nodes 3 --dir /tmp/brokers     # prints the addresses; ends on SIGTERM or Ctrl-C

Each node is broker and controller (KRaft). With three nodes, topics have three replicas, of which two must be in sync.
A node has two listeners for clients. CLIENTS is for everything but the workers. WORKERS is for the workers: its
advertised address is configurable, so that a proxy can stand between a worker and the node.

As a library:

    with Cluster(folder, nodes=3) as cluster:      # starts; stops and keeps the folder
        cluster.clients                            # bootstrap.servers of CLIENTS
        cluster.workers                            # bootstrap.servers of WORKERS, as advertised
        cluster.nodes[1].kill()                    # SIGKILL; stop() is SIGTERM and waits
        cluster.nodes[1].start()                   # the same ports and folder
        cluster.await_brokers()                    # all nodes accept requests
"""
import argparse
import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGED = ROOT / "target" / "quarkus-app" / "lib"
START_SECONDS = 60
HOST = "127.0.0.1"
# for the log manager of the packaged application
LOGGING = """\
logger.level=WARN
logger.handlers=CONSOLE
handler.CONSOLE=org.jboss.logmanager.handlers.ConsoleHandler
handler.CONSOLE.properties=autoFlush
handler.CONSOLE.autoFlush=true
handler.CONSOLE.formatter=LINE
formatter.LINE=org.jboss.logmanager.formatters.PatternFormatter
formatter.LINE.properties=pattern
formatter.LINE.pattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p [%c{1}] %s%e%n
"""


class BrokerError(Exception):
    """A node could not be formatted, started or stopped."""


def free_ports(count):
    """Free loopback ports. Another process may take one before it is used."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Node:
    """One broker process. All methods are for one thread."""

    def __init__(self, number, folder, properties, clients_port, workers_port, java):
        self.number = number
        self.folder = folder
        self.clients_port = clients_port
        self.workers_port = workers_port
        self.log = folder / "broker.log"
        self._properties = properties
        self._java = java
        self._process = None

    @property
    def pid(self):
        return None if self._process is None else self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def format(self, cluster_id):
        """Writes the properties, and formats the data folder unless it has data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file()
        file.write_text("".join(f"{name}={value}\n" for name, value in self._properties.items()))
        (self.folder / "logging.properties").write_text(LOGGING)
        done = subprocess.run(self._java + ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster_id,
                                            "-c", str(file)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerError(f"cannot format {self.folder}: {done.stdout}{done.stderr}")

    def start(self, wait=True):
        """Starts the process; returns when CLIENTS accepts connections, unless {wait} is false."""
        if self.running:
            raise BrokerError(f"node {self.number} is running")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._java + [f"-Dlogging.configuration=file:{self.folder}/logging.properties",
                                                           "kafka.Kafka", str(self._file())], stdout=log, stderr=log,
                                             stdin=subprocess.DEVNULL, start_new_session=True)
        if wait:
            self.await_port()

    def await_port(self, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        while True:
            if not self.running:
                raise BrokerError(f"node {self.number} ended with code {self._process.returncode}, see {self.log}")
            try:
                socket.create_connection((HOST, self.clients_port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise BrokerError(f"node {self.number} accepts no connection after {seconds} s, see {self.log}")
                time.sleep(0.1)

    def stop(self, seconds=60):
        """SIGTERM; returns when the process has ended. A node that does not end in time is killed, and that is an error."""
        self.terminate()
        if not self.await_end(seconds):
            self.kill()
            raise BrokerError(f"node {self.number} was still running {seconds} s after SIGTERM, see {self.log}")

    def terminate(self):
        """SIGTERM; does not wait."""
        if self.running:
            self._process.terminate()

    def await_end(self, seconds):
        """Whether the process has ended within a time."""
        try:
            if self.running:
                self._process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self):
        """SIGKILL; returns when the process has ended."""
        if self.running:
            self._process.kill()
            self._process.wait()

    def _file(self):
        return self.folder / "server.properties"


class Cluster:
    """One or three nodes with a folder each, which survive a restart."""

    def __init__(self, folder, nodes=1, ports=None, worker_addresses=None, heap="320m", classpath=None, settings=None):
        """
        folder: data, properties and log of each node, in the folders node-1, node-2, node-3
        ports: (CLIENTS, WORKERS, CONTROLLER) of each node; by default free ones
        worker_addresses: advertised "host:port" of WORKERS of each node; by default the listener itself
        settings: further broker settings; they replace those below
        """
        if nodes not in (1, 3):
            raise BrokerError(f"a cluster has 1 or 3 nodes, not {nodes}")
        self.folder = pathlib.Path(folder).resolve()
        if ports is None:
            free = free_ports(3 * nodes)
            ports = [tuple(free[3 * n:3 * n + 3]) for n in range(nodes)]
        addresses = worker_addresses or [f"{HOST}:{workers}" for _, workers, _ in ports]
        if len(ports) != nodes or len(addresses) != nodes:
            raise BrokerError(f"ports and worker_addresses need an entry for each of {nodes} nodes")
        java = [os.environ["JAVA_HOME"] + "/bin/java" if "JAVA_HOME" in os.environ else "java", f"-Xmx{heap}",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                "-cp", classpath or packaged_classpath()]
        voters = ",".join(f"{n + 1}@{HOST}:{controller}" for n, (_, _, controller) in enumerate(ports))
        self.clients = ",".join(f"{HOST}:{clients}" for clients, _, _ in ports)
        self.workers = ",".join(addresses)
        self.nodes = []
        for n, (clients, workers, controller) in enumerate(ports):
            place = self.folder / f"node-{n + 1}"
            properties = _properties(n + 1, nodes, place / "data", clients, workers, controller, addresses[n], voters)
            properties.update(settings or {})
            self.nodes.append(Node(n + 1, place, properties, clients, workers, java))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *raised):
        self.kill() if raised[0] else self.stop()

    def start(self):
        """Formats new folders, starts all nodes, and returns when all accept requests."""
        cluster_id = self._cluster_id()
        for node in self.nodes:
            node.format(cluster_id)
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.await_port()
        self.await_brokers()

    def await_brokers(self, seconds=START_SECONDS):
        """Returns when every node is registered and not fenced, so that a topic can have a replica on each."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.clients, "log_level": 0})
        end = time.monotonic() + seconds
        while True:
            try:
                if len(admin.list_topics(timeout=5).brokers) == len(self.nodes):
                    return
            except KafkaException:
                pass
            if time.monotonic() > end:
                raise BrokerError(f"not all {len(self.nodes)} nodes are registered after {seconds} s")
            admin.poll(0.1)

    def stop(self):
        """SIGTERM to all nodes at once. A node that waits for the others' quorum is killed: its data is complete."""
        for node in self.nodes:
            node.terminate()
        end = time.monotonic() + 20
        for node in self.nodes:
            if not node.await_end(max(0.1, end - time.monotonic())):
                node.kill()

    def kill(self):
        for node in self.nodes:
            node.kill()

    def _cluster_id(self):
        file = self.folder / "cluster-id"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_text(new_cluster_id())
        return file.read_text()


def new_cluster_id(new_uuid=uuid.uuid4):
    """A random id that does not start with "-", like those of Kafka's Uuid: the StorageTool would read an option."""
    while True:
        text = base64.urlsafe_b64encode(new_uuid().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def packaged_classpath():
    if not PACKAGED.is_dir():
        raise BrokerError(f"no folder {PACKAGED}; build the project: mvn -q -B -Dmaven.test.skip=true package")
    # Quarkus' own jars would hold back all log lines until a Quarkus application has started
    boot = sorted(str(jar) for jar in PACKAGED.glob("boot/*.jar") if not jar.name.startswith("io.quarkus"))
    return ":".join([f"{PACKAGED}/main/*", *boot])


def _properties(number, nodes, data, clients, workers, controller, worker_address, voters):
    replicas, in_sync = (3, 2) if nodes == 3 else (1, 1)
    properties = {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENTS://{HOST}:{clients},WORKERS://{HOST}:{workers},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"CLIENTS://{HOST}:{clients},WORKERS://{worker_address}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,WORKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "message.max.bytes": 6 * 1024 * 1024,
        "replica.fetch.max.bytes": 6 * 1024 * 1024,
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        # a restarted node is fenced until the session of the killed one expires; the default is nine seconds
        "broker.session.timeout.ms": 6000,
        "broker.heartbeat.interval.ms": 1000,
        # the verifier needs the boundary records that later ones replace
        "log.cleaner.min.compaction.lag.ms": 7 * 24 * 3600 * 1000,
        "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        properties[topic + ".replication.factor"] = replicas
        properties[topic + ".num.partitions"] = 4
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        properties[topic + ".min.isr"] = in_sync
    return properties


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--dir", required=True, help="folder for data, properties and logs; it may have data of an earlier run")
    parser.add_argument("--port", type=int, help="first of three consecutive ports per node; by default free ports")
    parser.add_argument("--worker-addresses", help="advertised host:port of WORKERS of each node, comma-separated")
    parser.add_argument("--heap", default="320m")
    options = parser.parse_args()
    ports = options.port and [tuple(options.port + 3 * n + i for i in range(3)) for n in range(options.nodes)]
    addresses = options.worker_addresses and options.worker_addresses.split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Cluster(options.dir, options.nodes, ports, addresses, options.heap) as cluster:
            print(json.dumps({"clients": cluster.clients, "workers": cluster.workers,
                              "pids": [node.pid for node in cluster.nodes]}), flush=True)
            signal.pause()
    except (KeyboardInterrupt, SystemExit):
        return 0
    except BrokerError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    sys.exit(main())
