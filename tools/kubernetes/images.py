"""The images of a cluster's own pods, as OCI archives below the folder of the programs.

podman builds them, from `scratch` where one program is enough. docker/check builds those of Tidemark.
"""
import os
import re
import shutil
import tempfile
from pathlib import Path

from programs import Failure, module_of, program, run, source

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r"^ARG VERSION=(\S+)$", (ROOT / "docker/Dockerfile").read_text(), re.MULTILINE)[1]
# the registry of names without one
LIBRARY = "docker.io/library"
PROMETHEUS = "quay.io/prometheus/prometheus:v3.5.0"


def podman(*command, check=True):
    """Runs podman with settings for a machine without systemd."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write('[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
        settings.flush()
        return run(["podman", *command], check=check, env={**os.environ, "CONTAINERS_CONF": settings.name})


def archive_of(programs, tag):
    """An image of podman as an archive."""
    identity = podman("image", "inspect", "--format", "{{.Id}}", tag).stdout.strip()
    target = programs / "images" / f"{tag.rpartition('/')[2].replace(':', '-')}-{identity[:12]}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        for earlier in target.parent.glob(f"{target.name[:-16]}*.tar"):
            earlier.unlink()
        part = target.with_suffix(".part")
        podman("save", "--quiet", "--format", "oci-archive", "--output", str(part), tag)
        part.rename(target)
    return target


def build(programs, tag, dockerfile, files):
    """The archive of an image; files: paths by their names in the context"""
    # next to the programs, so that files are linked and not copied
    programs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=programs) as context:
        for name, file in files.items():
            (Path(context) / name).parent.mkdir(parents=True, exist_ok=True)
            _link(file, Path(context) / name)
        (Path(context) / "Dockerfile").write_text(dockerfile)
        podman("build", "--quiet", "--network", "none", "-t", tag, context)
    return archive_of(programs, tag)


def _link(file, target):
    try:
        os.link(Path(file).resolve(), target)
    except OSError:   # of another file system
        shutil.copy(file, target)


def program_image(programs, name, tag=None, folder="/bin"):
    """The archive of an image with one program, in a folder, which it runs as a user without rights."""
    return build(programs, tag or f"{LIBRARY}/{name}:1",
                 f'FROM scratch\nCOPY {name} {folder}/{name}\nUSER 65534:65534\nENTRYPOINT ["{folder}/{name}"]\n',
                 {name: program(programs, name)})


def pause_image(programs):
    """The image of the process that holds the namespaces of a pod, from Kubernetes' own source."""
    with tempfile.TemporaryDirectory() as work:
        binary = Path(work) / "pause"
        run(["gcc", "-Os", "-static", "-DVERSION=1", "-o", binary, source(module_of("k8s.io/kubernetes")) / "build/pause/linux/pause.c"])
        return build(programs, "localhost/pause:1", 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n', {"pause": binary})


def tidemark_images(programs):
    """The archives of the program and the demo's model, as manifests name them. docker/check has built both."""
    names = []
    for name in ("tidemark", "tidemark-demo"):
        if podman("image", "exists", f"localhost/{name}:{VERSION}", check=False).returncode != 0:
            raise Failure(f"no image localhost/{name}:{VERSION}; docker/check builds it")
        podman("tag", f"localhost/{name}:{VERSION}", f"{LIBRARY}/{name}:{VERSION}")
        names.append(archive_of(programs, f"{LIBRARY}/{name}:{VERSION}"))
    return names


def kafka_image(programs):
    """Kafka's server with the Java of Tidemark's image, from the libraries with which Tidemark is tested."""
    libraries = ROOT / "target/quarkus-app/lib"
    if not libraries.is_dir():
        raise Failure(f"no {libraries}; build the project: mvn -q -B -Dmaven.test.skip=true package")
    # not the engine; and Quarkus' own jars would hold back all log lines until a Quarkus application has started
    jars = {f"lib/{file.name}": file for file in (*libraries.glob("main/*.jar"), *libraries.glob("boot/*.jar"))
            if not file.name.startswith(("ai.djl.", "io.quarkus"))}
    return build(programs, f"{LIBRARY}/kafka:1",
                 f"FROM {LIBRARY}/tidemark:{VERSION}\nCOPY lib /opt/kafka/lib\nENTRYPOINT []\nCMD []\n", jars)


def rclone_image(programs):
    """rclone of Debian, with the name and the programs of the image that k8s/components/models/object-storage uses."""
    return build(programs, "docker.io/rclone/rclone:1.76.0",
                 f"FROM {LIBRARY}/tidemark:{VERSION}\nCOPY rclone /usr/bin/rclone\nENTRYPOINT []\nCMD []\n",
                 {"rclone": program(programs, "rclone")})


def s3mock_image(programs):
    """An object storage that keeps its files in memory."""
    return build(programs, f"{LIBRARY}/s3mock:1",
                 f'FROM {LIBRARY}/tidemark:{VERSION}\nCOPY s3mock.jar /\nENTRYPOINT ["/opt/java/bin/java", "-jar", "/s3mock.jar"]\nCMD []\n',
                 {"s3mock.jar": program(programs, "s3mock.jar")})


def models_image(programs, folder):
    """A model and its adapters as an image that a kubelet can mount."""
    files = {f"models/{file.relative_to(folder)}": file for part in ("base", "adapters") for file in (folder / part).rglob("*")
             if file.is_file()}
    return build(programs, f"{LIBRARY}/tidemark-models:1", "FROM scratch\nCOPY models /models\n", files)
