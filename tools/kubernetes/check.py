#!/usr/bin/env python3
"""Checks k8s/ against a real API server, with strict validation and the Pod Security Standard "restricted".

    tools/kubernetes/check.py [--programs FOLDER]

Starts etcd and kube-apiserver, installs the definitions of the custom resources, and for every overlay, every component
on the base and every kustomization in docs/kubernetes.md:

- renders it and applies it in a namespace that enforces "restricted", first as a dry run, then stored;
- creates a pod from each template as a dry run, because only pods are checked against "restricted".

If the server accepts all of it, the script applies the base again, which must keep the number of workers that an
autoscaler has set, and sends invalid objects, which the server must refuse. No container runs: there is no node and no
controller. Exits with code 1 if anything is not as expected.

FOLDER keeps the programs between runs; programs.py makes what it lacks. Needs kubectl 1.32 or later and openssl.
"""
import argparse
import contextlib
import copy
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from programs import KUBERNETES_FOLDER, Failure, program, run

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "src/test/resources/crds"
# The volume source that k8s/components/models/image uses is off by default until 1.35.
FEATURES = "ImageVolume=true"
TOKEN = "check"
START_SECONDS = 120
WIDTH = 100


# --- servers ------------------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, log):
    with open(log, "w") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextlib.contextmanager
def api_server(programs, work):
    """Runs etcd and kube-apiserver; gives a function that calls kubectl."""
    if not shutil.which("kubectl"):
        raise Failure("no kubectl found; install it, or build it with: go install k8s.io/kubernetes/cmd/kubectl")
    etcd, apiserver = program(programs, "etcd"), program(programs, "kube-apiserver")
    run(["openssl", "genrsa", "-out", work / "accounts.key", "2048"])
    (work / "tokens.csv").write_text(f"{TOKEN},check,check,system:masters\n")
    client, peer, port = free_port(), free_port(), free_port()
    with running([
        etcd, "--data-dir", work / "etcd", "--listen-client-urls", f"http://127.0.0.1:{client}",
        "--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
    ], work / "etcd.log"), running([
        apiserver, f"--etcd-servers=http://127.0.0.1:{client}", "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--cert-dir={work / 'certificates'}", f"--token-auth-file={work / 'tokens.csv'}",
        "--authorization-mode=RBAC", "--allow-privileged=true", "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={work / 'accounts.key'}",
        f"--service-account-signing-key-file={work / 'accounts.key'}", f"--feature-gates={FEATURES}",
    ], work / "kube-apiserver.log") as server:
        # the server makes its certificate itself; this process alone talks to it
        (work / "config").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "check",
            "clusters": [{"name": "check", "cluster": {
                "server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "check", "user": {"token": TOKEN}}],
            "contexts": [{"name": "check", "context": {"cluster": "check", "user": "check"}}],
        }))

        def kubectl(*arguments, check=True, **options):
            return run(["kubectl", "--kubeconfig", work / "config", *arguments], check=check, **options)

        deadline = time.monotonic() + START_SECONDS
        while kubectl("get", "--raw", "/readyz", check=False).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                raise Failure("kube-apiserver does not start: "
                              + (work / "kube-apiserver.log").read_text()[-2000:])
            time.sleep(0.5)
        yield kubectl


# --- what is checked --------------------------------------------------------------------------------------------------

def kustomizations(work):
    """Copies k8s/, and returns the folders to render by name: overlays, components on the base, examples of the docs."""
    shutil.copytree(ROOT / "k8s", work / "k8s")
    folders = {"base": work / "k8s/base"}
    for overlay in sorted((work / "k8s/overlays").iterdir()):
        folders[f"overlays/{overlay.name}"] = overlay
    for file in sorted((work / "k8s/components").rglob("kustomization.yaml")):
        name = str(file.parent.relative_to(work / "k8s"))
        folder = work / "combined" / name.replace("/", "-")
        folder.mkdir(parents=True)
        (folder / "kustomization.yaml").write_text(json.dumps({
            "resources": ["../../k8s/base"], "components": [f"../../k8s/{name}"]}))
        folders[f"base + {name}"] = folder
    for number, example in enumerate(examples(), start=1):
        if "kind: Kustomization" in example:
            folder = work / f"example-{number}"
            folder.mkdir()
            (folder / "kustomization.yaml").write_text(example)
            (folder / "SHA256SUMS").write_text("0" * 64 + "  base/config.json\n")
            folders[f"docs/kubernetes.md, example {number}"] = folder
    return folders


def examples():
    """The YAML blocks in docs/kubernetes.md."""
    text = (ROOT / "docs/kubernetes.md").read_text()
    return [textwrap.dedent(block) for block in re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)]


def refusal(result):
    """Why the server refused, in one line; None if it accepted without a warning."""
    errors = result.stderr.strip()
    if result.returncode == 0 and "Warning:" not in errors:
        return None
    return " ".join(errors.split()) or f"exit code {result.returncode}"


class Check:
    def __init__(self, kubectl):
        self.kubectl = kubectl
        self.failed = False
        self.samples = {}
        self.pods = []

    def install_definitions(self):
        for file in sorted(CRDS.glob("*.json")):
            self.kubectl("create", "-f", file)
            definition = json.loads(file.read_text())["metadata"]["name"]
            self.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{definition}")

    def namespace(self, name):
        self.kubectl("create", "namespace", name)
        self.kubectl("label", "namespace", name, *(
            f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")))
        # a controller, which does not run here, would create it
        self.kubectl("-n", name, "create", "serviceaccount", "default")
        return name

    def send(self, namespace, document, *options):
        text = document if isinstance(document, str) else json.dumps(document)
        return self.kubectl("-n", namespace, *options, "--validate=strict", "-f", "-", check=False, input=text)

    def row(self, name, objects, pods, problems):
        self.failed |= bool(problems)
        print(f"{name:40} {objects:>7} {pods:>5}  {'; '.join(problems) if problems else 'accepted'}", flush=True)

    def accept(self, name, namespace, text):
        """Applies what a kustomization renders, and creates its pods."""
        reason = (refusal(self.send(namespace, text, "apply", "--server-side", "--dry-run=server"))
                  or refusal(self.send(namespace, text, "apply", "--server-side")))
        problems = [reason] if reason else []
        documents = [] if problems else self.stored(namespace, text)
        pods = [self.pod(document) for document in documents if document["kind"] == "Deployment"]
        for pod in pods:
            reason = refusal(self.send(namespace, pod, "create", "--dry-run=server"))
            problems += [f"pod of {pod['metadata']['name']}: {reason}"] if reason else []
        for document in documents:
            self.samples.setdefault(document["kind"], (namespace, document))
        self.pods += [(namespace, pod) for pod in pods]
        self.row(name, len(documents), len(pods), problems)

    def stored(self, namespace, text):
        output = json.loads(self.kubectl("-n", namespace, "get", "-o", "json", "-f", "-", input=text).stdout)
        return output["items"] if output["kind"] == "List" else [output]

    @staticmethod
    def pod(deployment):
        template = deployment["spec"]["template"]
        return {
            "apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": {**template["metadata"], "name": deployment["metadata"]["name"]},
        }

    def refuse(self, name, namespace, document, expected):
        result = self.send(namespace, document, "create", "--dry-run=server")
        reason = refusal(result) or "accepted"
        refused = result.returncode != 0 and expected in reason
        self.failed |= not refused
        shown = re.sub(r'^.*?(strict decoding error: |violates PodSecurity "[^"]*": )', "", reason)
        print(f"{name:40} {'refused' if refused else 'NOT REFUSED'}: {shown[:WIDTH].rstrip()}", flush=True)

    def keep_replicas(self, namespace, text):
        """Applies again after an autoscaler has set the number of workers."""
        self.kubectl("-n", namespace, "scale", "--replicas=5", "deployment/tidemark-worker")
        result = self.send(namespace, text, "apply", "--server-side")
        replicas = self.kubectl(
            "-n", namespace, "get", "deployment/tidemark-worker", "-o", "jsonpath={.spec.replicas}").stdout
        reason = refusal(result) or ("" if replicas == "5" else f"replicas set to {replicas}")
        self.failed |= bool(reason)
        print(f"\n{'base applied again, 5 workers set':40} {reason or 'keeps the 5 workers'}")

    def refuse_unknown_fields(self):
        for kind, (namespace, sample) in sorted(self.samples.items()):
            document = {key: copy.deepcopy(sample[key]) for key in sample if key not in ("status", "metadata")}
            document["metadata"] = {"name": "unknown", "labels": sample["metadata"].get("labels", {})}
            place = document["spec"] if "spec" in document else document
            place["unknown"] = 1
            self.refuse(f"{kind} with unknown field", namespace, document, "unknown")

    def refuse_insecure_pods(self):
        def container(pod):
            return pod["spec"]["containers"][0]

        def init_container(pod):
            return pod["spec"]["initContainers"][0]

        changes = {
            "privileged": lambda pod: container(pod)["securityContext"].update(
                privileged=True, allowPrivilegeEscalation=True),
            "escalation in the init container": lambda pod: init_container(pod)["securityContext"].update(
                allowPrivilegeEscalation=True),
            "capabilities kept": lambda pod: container(pod)["securityContext"].pop("capabilities"),
            "root": lambda pod: pod["spec"]["securityContext"].update(runAsUser=0),
            "no seccomp profile": lambda pod: pod["spec"]["securityContext"].pop("seccompProfile"),
            "host path": lambda pod: pod["spec"]["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
            "host network": lambda pod: pod["spec"].update(hostNetwork=True),
        }
        namespace, sample = self.pods[0]
        for name, change in changes.items():
            pod = copy.deepcopy(sample)
            change(pod)
            self.refuse(f"Pod: {name}", namespace, pod, "PodSecurity")


def check(programs, work):
    with api_server(programs, work) as kubectl:
        server = json.loads(kubectl("get", "--raw", "/version").stdout)["gitVersion"]
        client = json.loads(kubectl("version", "--client", "-o", "json").stdout)
        print(f"kube-apiserver {server} with {FEATURES}, kubectl {client['clientVersion']['gitVersion']}, "
              f"kustomize {client['kustomizeVersion']}\n")
        checks = Check(kubectl)
        checks.install_definitions()
        print(f"{'applied with strict validation':40} {'objects':>7} {'pods':>5}  in a namespace that enforces 'restricted'")
        for number, (name, folder) in enumerate(kustomizations(work).items()):
            rendered = kubectl("kustomize", folder, check=False)
            if rendered.returncode != 0:
                checks.row(name, 0, 0, [rendered.stderr.strip()])
                continue
            checks.accept(name, checks.namespace(f"check-{number}"), rendered.stdout)
        for number, example in enumerate(examples(), start=1):
            if "kind: Kustomization" not in example:
                checks.accept(f"docs/kubernetes.md, example {number}", checks.namespace(f"example-{number}"), example)
        if checks.failed:
            # what follows takes its objects from the accepted ones
            print("\nfailed; the base was not applied again, and no invalid objects were sent")
            return True
        checks.keep_replicas("check-0", kubectl("kustomize", work / "k8s/base").stdout)
        print("\ninvalid object")
        checks.refuse_unknown_fields()
        checks.refuse_insecure_pods()
        print("\nfailed" if checks.failed else "\nas expected")
        return checks.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, metavar="FOLDER", default=KUBERNETES_FOLDER, help="default %(default)s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        try:
            sys.exit(1 if check(arguments.programs.resolve(), work) else 0)
        except Failure as e:
            sys.exit(f"{Path(__file__).name}: {e}")


if __name__ == "__main__":
    main()
