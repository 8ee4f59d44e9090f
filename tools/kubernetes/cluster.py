#!/usr/bin/env python3
"""A Kubernetes cluster on this machine, for checks of k8s/ with real kubelets: control plane and two nodes.

    tools/kubernetes/cluster.py up        # prints the path of a kubeconfig
    tools/kubernetes/cluster.py load FILE…   # images, as OCI archives, into all nodes
    tools/kubernetes/cluster.py down      # leaves nothing but the programs

Each node is a containerd and a kubelet in namespaces of their own, with kube-proxy and kube-router (network policies).
Nodes and pods have addresses in 10.199.0.0/16 behind the bridge tidemark0, and no way out of it. All listen there or on
loopback. Tokens are random, and every server has a certificate of the cluster's own authority.

Needs root, Linux, kubectl, podman, openssl, gcc, iproute2, iptables, ipset and conntrack, and what programs.py needs to
make the programs. No image registry is used.
"""
import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from string import Template

import images
from programs import KUBERNETES_FOLDER, Failure, module_of, program, run, source

HERE = Path(__file__).resolve().parent
NODE_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "kubelet", "kube-proxy", "kube-router")
BRIDGE = "tidemark0"
NAMESPACE = "tidemark"   # of Kafka, for the workers
NETWORK = "10.199"
HOST, PODS, SERVICES, DNS = f"{NETWORK}.0.1", f"{NETWORK}.64.0/18", f"{NETWORK}.128.0/20", f"{NETWORK}.128.10"
API_PORT = 6443
API = f"https://{HOST}:{API_PORT}"
START_SECONDS = 120


def node_names(count):
    return [f"node{number}" for number in range(1, count + 1)]


def pods_of(number):
    """The addresses of the pods of a node, a part of PODS."""
    return f"{NETWORK}.{64 + number}.0/24"


def wait_until(condition, what, log=None):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what} after {START_SECONDS} s" + (f", see {log}:\n{log.read_text()[-2000:]}" if log else ""))
        time.sleep(0.2)


class Cluster:
    """The processes and files of a cluster below a folder, `cluster` of the folder with the programs."""

    def __init__(self, programs):
        self.programs = programs
        self.folder = programs / "cluster"
        self.config = self.folder / "kubeconfig"

    # commands

    def up(self, count):
        if os.geteuid() != 0:
            raise Failure("a cluster needs root for its namespaces")
        for name in ("/var", "/run"):
            if self.folder.is_relative_to(name):
                raise Failure(f"{self.folder} must not be below {name}, because nodes have a {name} of their own; "
                              "name another one with --programs")
        self.down()
        for tool in ("kubectl", "podman", "openssl", "ip", "iptables", "ipset", "conntrack"):
            if not shutil.which(tool):
                raise Failure(f"no {tool} found; install it")
        self.folder.mkdir(parents=True, mode=0o700)
        self._credentials(count)
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "address", "add", f"{HOST}/24", "dev", BRIDGE])
        run(["ip", "link", "set", BRIDGE, "up"])
        self._control_plane()
        for number, name in enumerate(node_names(count), start=1):
            self._node(number, name, count)
        run(["ip", "route", "add", SERVICES, "via", f"{NETWORK}.0.11"])
        self.load(images.pause_image(self.programs), images.program_image(self.programs, "coredns"))
        self.apply("cluster.yaml", dns=DNS)
        wait_until(lambda: self._ready_nodes() == count, f"not all of {count} nodes are ready", self.folder / "node1/kubelet.log")
        self.load(*images.tidemark_images(self.programs), images.kafka_image(self.programs))
        self._kafka(count)
        self._prometheus()
        self._keda()
        self.wait_for_pods()
        print(f"KUBECONFIG={self.config}", flush=True)

    def down(self):
        """Ends all processes and removes everything but the programs."""
        for file in sorted(self.folder.glob("*.pid")):
            self._kill(int(file.read_text()), file.stem)
        subprocess.run(["ip", "link", "delete", BRIDGE], stderr=subprocess.DEVNULL, check=False)
        for group in [*Path("/sys/fs/cgroup").glob("tidemark-node*"), *Path("/sys/fs/cgroup").glob("*/tidemark-node*")]:
            for folder in sorted((each for each in [group, *group.rglob("*")] if each.is_dir()), reverse=True):
                wait_until(lambda folder=folder: _removed(folder), f"the control group {folder} has processes")
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            raise Failure(f"{self.folder} cannot be removed")

    def load(self, *archives):
        """Images of OCI archives into all nodes."""
        for archive in archives:
            for node in sorted(self.folder.glob("node*.pid")):
                run(["nsenter", "--target", node.read_text(), "--mount", "--net", "--", program(self.programs, "ctr"),
                     "--namespace", "k8s.io", "images", "import", archive])

    def kubectl(self, *arguments, **options):
        return run(["kubectl", "--kubeconfig", self.config, *arguments], **options)

    def kubectl_process(self, *arguments):
        """A kubectl that runs beside this process."""
        return subprocess.Popen(["kubectl", "--kubeconfig", str(self.config), *arguments], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def signal_pod(self, uid, name):
        """Sends a signal to the first process of each container of a pod, from outside of it."""
        for tasks in _control_groups(uid, "cgroup.procs"):
            for process in tasks.read_text().split():
                if "/pause" not in Path(f"/proc/{process}/cmdline").read_text():
                    os.kill(int(process), getattr(signal, f"SIG{name}"))

    @staticmethod
    def peak_memory(uid):
        """The most bytes that a container of a pod has used, without its page cache if the kernel tells it apart."""
        return max(int(file.read_text()) for name in ("memory.max_usage_in_bytes", "memory.peak") for file in _control_groups(uid, name))

    def apply(self, file, *options, **values):
        """Applies a file of manifests/ with values for its variables."""
        text = Template((HERE / "manifests" / file).read_text()).substitute(values)
        self.kubectl("apply", "-f", "-", *options, input=text)

    # what runs in pods

    def _kafka(self, count):
        self.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("label", "namespace", NAMESPACE, *(
            f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")))
        for number in range(3):
            node, volume = node_names(count)[number % count], f"kafka-{number}"
            (self.folder / node / "var/lib/volumes" / volume).mkdir(parents=True)
            self.apply("volume.yaml", volume=volume, node=node, path=f"/var/lib/volumes/{volume}")
        self.apply("kafka.yaml", "--namespace", NAMESPACE, network=NETWORK)

    def _prometheus(self):
        module = module_of("github.com/prometheus-operator/prometheus-operator")
        registry = "quay.io/prometheus-operator"
        self.load(images.program_image(self.programs, "prometheus", images.PROMETHEUS),
                  *(images.program_image(self.programs, name, f"{registry}/{name}:{module.version}")
                    for name in ("prometheus-operator", "prometheus-config-reloader")))
        self.kubectl("create", "namespace", "monitoring")
        self._kustomize("prometheus-operator", source(module) / "bundle.yaml", namespace="monitoring")
        self.apply("monitoring.yaml", "--namespace", "monitoring")

    def _keda(self):
        """Operator and metrics adapter as KEDA's own files describe them, without its admission webhooks."""
        registry, config = "ghcr.io/kedacore", source(module_of("github.com/kedacore/keda/v2")) / "config"
        self.load(images.program_image(self.programs, "keda", f"{registry}/keda:main", ""),
                  images.program_image(self.programs, "keda-adapter", f"{registry}/keda-metrics-apiserver:main", ""))
        self._kustomize("keda", *(config / part for part in (
            "crd", "general", "rbac", "manager", "metrics-server", "service_account")))

    def _kustomize(self, name, *resources, **fields):
        """Applies files of a module, which kustomize reads below its own folder only."""
        folder = self.folder / name
        folder.mkdir()
        for resource in resources:
            if resource.is_dir():
                shutil.copytree(resource, folder / resource.name)
            else:
                shutil.copy(resource, folder)
        container = "/spec/template/spec/containers/0"
        # all images are there, and the processors are for the workers
        patch = [{"op": "add", "path": f"{container}/imagePullPolicy", "value": "IfNotPresent"},
                 {"op": "replace", "path": f"{container}/resources/requests/cpu", "value": "10m"}]
        (folder / "kustomization.yaml").write_text(json.dumps({
            "resources": [each.name for each in resources],
            "patches": [{"target": {"kind": "Deployment"}, "patch": json.dumps(patch)}], **fields}))
        self.kubectl("apply", "--server-side", "-k", folder)

    def wait_for_pods(self):
        """Until all pods are ready."""
        def ready():
            pods = json.loads(self.kubectl("get", "pods", "--all-namespaces", "-o", "json").stdout)["items"]
            waiting[:] = [pod["metadata"]["name"] for pod in pods if not any(
                each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))]
            # the operator creates the pod of Prometheus
            return not waiting and any("prometheus-prometheus" in pod["metadata"]["name"] for pod in pods)
        waiting = []
        try:
            wait_until(ready, "pods are not ready")
        except Failure as e:
            raise Failure(f"{e}: {' '.join(waiting)}") from None

    # credentials

    def _credentials(self, count):
        folder = self.folder / "credentials"
        folder.mkdir()
        for authority in ("ca", "front-proxy-ca"):
            run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN=tidemark-{authority}",
                 "-keyout", folder / f"{authority}.key", "-out", folder / f"{authority}.crt"])
        run(["openssl", "genrsa", "-out", folder / "accounts.key", "2048"])
        run(["openssl", "rsa", "-in", folder / "accounts.key", "-pubout", "-out", folder / "accounts.pub"])
        self._certificate("kube-apiserver", "/CN=kube-apiserver", "serverAuth",
                          f"IP:{HOST},IP:{NETWORK}.128.1,DNS:kubernetes.default.svc")
        self._certificate("kubelet-client", "/O=system:masters/CN=kube-apiserver", "clientAuth")
        self._certificate("front-proxy-client", "/CN=front-proxy-client", "clientAuth", authority="front-proxy-ca")
        users = {"admin": ("admin", "system:masters"), "kube-controller-manager": ("system:kube-controller-manager", ""),
                 "kube-scheduler": ("system:kube-scheduler", ""), "kube-proxy": ("system:kube-proxy", ""),
                 "kube-router": ("kube-router", "")}
        for name in node_names(count):
            users[name] = (f"system:node:{name}", "system:nodes")
        tokens = {user: secrets.token_hex(32) for user in users}
        (folder / "tokens.csv").write_text("".join(
            f'{tokens[user]},{name},{name},"{group}"\n' for user, (name, group) in users.items()))
        for user in users:
            target = self.config if user == "admin" else folder / f"{user}.kubeconfig"
            target.write_text(json.dumps({
                "apiVersion": "v1", "kind": "Config", "current-context": "tidemark",
                "clusters": [{"name": "tidemark", "cluster": {"server": API, "certificate-authority": str(folder / "ca.crt")}}],
                "users": [{"name": user, "user": {"token": tokens[user]}}],
                "contexts": [{"name": "tidemark", "context": {"cluster": "tidemark", "user": user}}]}))

    def _certificate(self, name, subject, usage, names=None, authority="ca"):
        folder = self.folder / "credentials"
        extensions = f"extendedKeyUsage={usage}\n" + (f"subjectAltName={names}\n" if names else "")
        (folder / f"{name}.ext").write_text(extensions)
        run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"])
        run(["openssl", "x509", "-req", "-days", "30", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.crt",
             "-CAkey", folder / f"{authority}.key", "-CAcreateserial", "-extfile", folder / f"{name}.ext",
             "-out", folder / f"{name}.crt"])

    # processes

    def _start(self, name, command):
        log = self.folder / f"{name}.log"
        with open(log, "w") as output:
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True, cwd=self.folder)
        (self.folder / f"{name}.pid").write_text(str(process.pid))
        return process, log

    @staticmethod
    def _kill(pid, name):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            if name.removeprefix("kube-") in command or name.startswith("node"):
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: not Path(f"/proc/{pid}").exists() or _zombie(pid), f"{name} does not end")
        except (FileNotFoundError, ProcessLookupError):
            pass

    def _control_plane(self):
        keys = self.folder / "credentials"
        etcd = "http://127.0.0.1:23790"
        self._start("etcd", [
            program(self.programs, "etcd"), "--data-dir", self.folder / "etcd", "--listen-client-urls", etcd,
            "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:23800", "--unsafe-no-fsync"])
        _, log = self._start("kube-apiserver", [
            program(self.programs, "kube-apiserver"), f"--etcd-servers={etcd}", f"--bind-address={HOST}",
            f"--advertise-address={HOST}", f"--secure-port={API_PORT}",
            f"--tls-cert-file={keys}/kube-apiserver.crt", f"--tls-private-key-file={keys}/kube-apiserver.key",
            "--anonymous-auth=false", f"--token-auth-file={keys}/tokens.csv", "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction", f"--client-ca-file={keys}/ca.crt",
            f"--kubelet-certificate-authority={keys}/ca.crt", f"--kubelet-client-certificate={keys}/kubelet-client.crt",
            f"--kubelet-client-key={keys}/kubelet-client.key", "--kubelet-preferred-address-types=InternalIP",
            f"--service-cluster-ip-range={SERVICES}", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}/accounts.pub", f"--service-account-signing-key-file={keys}/accounts.key",
            # this process has no kube-proxy, so it connects to the pods of a service itself
            "--enable-aggregator-routing=true", f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={keys}/front-proxy-client.crt", f"--proxy-client-key-file={keys}/front-proxy-client.key",
            "--feature-gates=ImageVolume=true"])
        wait_until(lambda: self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0,
                   "kube-apiserver is not ready", log)
        for name, options in (
                ("kube-controller-manager", [
                    f"--service-account-private-key-file={keys}/accounts.key", f"--root-ca-file={keys}/ca.crt",
                    "--use-service-account-credentials=true", "--allocate-node-cidrs=false",
                    # a node that is lost is noticed sooner than after the default of 40 s
                    "--node-monitor-grace-period=20s"]),
                ("kube-scheduler", [])):
            config = keys / f"{name}.kubeconfig"
            self._start(name, [program(self.programs, name), f"--kubeconfig={config}", "--bind-address=127.0.0.1",
                               f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}",
                               "--leader-elect=false", f"--cert-dir={self.folder}/{name}", *options])

    def _node(self, number, name, count):
        address, pods = f"{NETWORK}.0.{10 + number}", pods_of(number)
        folder, keys = self.folder / name, self.folder / "credentials"
        (folder / "cni").mkdir(parents=True)
        for path in ("lib/kubelet", "lib/containerd", "log", "tmp"):
            (folder / "var" / path).mkdir(parents=True)
        (folder / "var/run").symlink_to("/run")
        self._certificate(name, f"/CN={name}", "serverAuth", f"IP:{address},DNS:{name}")
        paths = {each.replace("-", "_"): program(self.programs, each) for each in (*NODE_PROGRAMS, "cni")}
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        values = {**paths, "folder": folder, "keys": keys, "name": name, "address": address, "pods": pods, "dns": DNS,
                  "pods_of_all_nodes": PODS, "services": SERVICES,
                  "memory_of_others": memory - memory // count}
        for file in ("containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "start"):
            (folder / file).write_text(Template((HERE / "node" / file).read_text()).substitute(values))
        (folder / "cni/pods.conflist").write_text(Template((HERE / "node/pods.conflist").read_text()).substitute(values))
        (folder / "resolv.conf").touch()
        shutil.copyfile(keys / f"{name}.kubeconfig", folder / "kubelet.kubeconfig")
        for each in ("kube-proxy", "kube-router"):
            shutil.copyfile(keys / f"{each}.kubeconfig", folder / f"{each}.kubeconfig")
        for controller in _control_group_roots():
            group = controller / f"tidemark-{name}"
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (controller / setting).exists() and controller.name == "cpuset":
                    (group / setting).write_text((controller / setting).read_text())
        process, log = self._start(name, [
            "unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--",
            "sh", "-c", f"hostname {name} && exec bash {folder}/start"])
        # `unshare` waits for its child, which is the first process of the node
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: children.read_text().strip(), f"{name} does not start", log)
        init = children.read_text().split()[0]
        (self.folder / f"{name}.pid").write_text(init)
        self._connect(name, init, address, pods, number, count)

    def _connect(self, name, init, address, pods, number, count):
        inside = ["nsenter", "--target", init, "--net", "ip"]
        wait_until(lambda: os.readlink(f"/proc/{init}/ns/net") != os.readlink("/proc/self/ns/net"), f"{name} has no network")
        run(["ip", "link", "add", f"{BRIDGE}-{number}", "type", "veth", "peer", "name", "eth0", "netns", init])
        run(["ip", "link", "set", f"{BRIDGE}-{number}", "master", BRIDGE, "up"])
        run([*inside, "address", "add", f"{address}/24", "dev", "eth0"])
        run([*inside, "link", "set", "eth0", "up"])
        run(["ip", "route", "add", pods, "via", address])
        for other in range(1, count + 1):
            if other != number:
                run([*inside, "route", "add", pods_of(other), "via", f"{NETWORK}.0.{10 + other}"])

    def _ready_nodes(self):
        nodes = self.kubectl("get", "nodes", "-o", "json", check=False)
        return nodes.returncode == 0 and sum(
            condition["type"] == "Ready" and condition["status"] == "True"
            for node in json.loads(nodes.stdout)["items"] for condition in node["status"]["conditions"])


def _control_group_roots():
    root = Path("/sys/fs/cgroup")
    return [root] if (root / "cgroup.controllers").exists() else [each for each in root.iterdir() if (each / "tasks").exists()]


def _control_groups(uid, file):
    """The files of this name of all containers of a pod."""
    roots = [each for each in _control_group_roots() if each.name in ("memory", "cgroup")]
    return [path for root in roots for pod in root.glob(f"tidemark-*/kubepods/**/pod{uid}") for path in pod.glob(f"*/{file}")]


def _removed(folder):
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def _zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("up", "load", "down"))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--nodes", type=int, choices=(1, 2, 3), default=2)
    parser.add_argument("--programs", type=Path, default=KUBERNETES_FOLDER, help="folder that keeps the programs (%(default)s)")
    options = parser.parse_args()
    cluster = Cluster(options.programs.resolve())
    try:
        if options.command == "up":
            cluster.up(options.nodes)
        elif options.command == "load":
            cluster.load(*(file.resolve() for file in options.files))
        else:
            cluster.down()
    except Failure as e:
        sys.exit(f"cluster: {e}")


if __name__ == "__main__":
    main()
