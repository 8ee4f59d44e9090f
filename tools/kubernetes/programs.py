"""The programs of a Kubernetes cluster, made from Go modules and Debian packages into a folder that keeps them.

`python tools/kubernetes/programs.py FOLDER` makes all of them: 40 minutes on two cores, Go 1.26 or later. Nothing is
installed on the machine.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

KUBERNETES, KEDA, PROMETHEUS_OPERATOR = "1.33.4", "2.20.1", "0.85.0"

# where the programs are kept by default
KUBERNETES_FOLDER = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tidemark-kubernetes"


class Failure(Exception):
    """Something that is needed is missing or does not work."""


def run(command, check=True, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if check and result.returncode != 0:
        raise Failure(f"{' '.join(str(part) for part in command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result


@dataclass(frozen=True)
class Module:
    """A Go module and its programs."""

    path: str
    version: str
    programs: dict           # package of each program, below the module
    variable: str = ""       # that the linker sets to the version
    siblings: tuple = ()     # pattern of modules of the same repository that its go.mod replaces by folders, and their version

    @property
    def folder(self):
        return re.sub(r"/v\d+$", "", self.path).rpartition("/")[2] + "-" + self.version


MODULES = [
    Module("k8s.io/kubernetes", "v" + KUBERNETES, {name: f"cmd/{name}" for name in (
        "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet")},
        "k8s.io/component-base/version.gitVersion", (r"k8s\.io/\S+", "v0" + KUBERNETES[KUBERNETES.index("."):])),
    Module("github.com/containerd/containerd/v2", "v2.2.9", {
        "containerd": "cmd/containerd", "containerd-shim-runc-v2": "cmd/containerd-shim-runc-v2", "ctr": "cmd/ctr"}),
    Module("github.com/coredns/coredns", "v1.15.0", {"coredns": "."}),
    Module("github.com/cloudnativelabs/kube-router/v2", "v2.1.0", {"kube-router": "cmd/kube-router"}),
    Module("github.com/kedacore/keda/v2", "v" + KEDA, {"keda": "cmd/operator", "keda-adapter": "cmd/adapter"},
           "github.com/kedacore/keda/v2/version.Version"),
    # 3.5.0, which the operator starts by default; that of Debian cannot discover pods
    Module("github.com/prometheus/prometheus", "v0.305.0", {"prometheus": "cmd/prometheus"},
           "github.com/prometheus/common/version.Version"),
    Module("github.com/prometheus-operator/prometheus-operator", "v" + PROMETHEUS_OPERATOR, {
        "prometheus-operator": "cmd/operator", "prometheus-config-reloader": "cmd/prometheus-config-reloader"},
        siblings=(r"github\.com/prometheus-operator/\S+", "v" + PROMETHEUS_OPERATOR)),
]
# files of Debian packages
DEBIAN = {
    "etcd": ("etcd-server", "usr/bin/etcd"),
    "runc": ("runc", "usr/sbin/runc"),
    "cni": ("containernetworking-plugins", "usr/lib/cni"),
    "rclone": ("rclone", "usr/bin/rclone"),
}
# jars of Maven Central
JARS = {"s3mock.jar": "com.adobe.testing:s3mock:5.2.0:jar:exec"}


def source(module):
    """The folder of a module's files."""
    if not shutil.which("go"):
        raise Failure("no go found to build the programs; install Go 1.26 or later")
    # outside of every module, so that no other go.mod counts
    answer = run(["go", "mod", "download", "-json", f"{module.path}@{module.version}"], cwd="/")
    return Path(json.loads(answer.stdout)["Dir"])


def module_of(path):
    return next(module for module in MODULES if module.path == path)


def program(folder, name):
    """The path of a program or folder of programs, which is made if FOLDER does not have it."""
    module = next((module for module in MODULES if name in module.programs), None)
    target = folder / (module.folder if module else JARS[name].replace(":", "-") if name in JARS else "debian") / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if module:
            _build(module, name, target)
        elif name in JARS:
            _download(JARS[name], target)
        else:
            _unpack(*DEBIAN[name], target)
    return target


def _build(module, name, target):
    print(f"building {name} {module.version} …", flush=True)
    files = source(module)
    flags = "-s -w" + (f" -X {module.variable}={module.version}" if module.variable else "")
    part = target.with_name(name + ".part")
    with tempfile.TemporaryDirectory() as work:
        command = ["go", "build", "-ldflags", flags, "-o", part]
        if module.siblings:
            command += ["-mod=mod", "-modfile", _published_siblings(module, files, Path(work))]
        run([*command, "./" + module.programs[name]], cwd=files,
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"})
    part.rename(target)


def _published_siblings(module, files, work):
    """A copy of the module's go.mod that takes from the proxy what the original takes from folders of its repository."""
    pattern, version = module.siblings
    text, count = re.subn(rf"({pattern}) => \./\S+", rf"\1 => \1 {version}", (files / "go.mod").read_text())
    if not count:
        raise Failure(f"the go.mod of {module.path} {module.version} replaces no {pattern}")
    (work / "go.mod").write_text(text)
    shutil.copyfile(files / "go.sum", work / "go.sum")
    return work / "go.mod"


def _unpack(package, path, target):
    if not shutil.which("apt-get"):
        raise Failure(f"no {target.name} found; install it")
    print(f"fetching {target.name} from Debian …", flush=True)
    with tempfile.TemporaryDirectory() as download:
        run(["apt-get", "download", "-qq", package], cwd=download)
        run(["dpkg", "-x", next(Path(download).glob("*.deb")), Path(download) / "files"])
        shutil.move(Path(download) / "files" / path, target)


def _download(artifact, target):
    run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={target.parent}",
         "-Dmdep.stripVersion=true"], cwd="/")
    next(target.parent.glob("*.jar")).rename(target)


if __name__ == "__main__":
    for each in (name for module in MODULES for name in module.programs):
        program(Path(sys.argv[1]), each)
    for each in (*DEBIAN, *JARS):
        program(Path(sys.argv[1]), each)
