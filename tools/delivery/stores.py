"""Servers of adapters, each with as much of its protocol as a download needs: an object store, a hub and a registry.

They share no code with the program that downloads. `ObjectStore` can be S3Mock in place of the small server here.
"""
import contextlib
import email.utils
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time
import urllib.error
import urllib.request

from broker import HOST, free_ports
from workers import START_SECONDS, WorkerError, java

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUCKET = "adapters"
CHUNK = b"\0" * 65536
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Answer:
    """What a path gets: bytes, and what is wrong with them."""

    def __init__(self, body, content_type="application/octet-stream", truncated=False, endless=False, location=None):
        """truncated: the connection ends in the middle; endless: it never does; location: of a redirect"""
        self.body = body
        self.content_type = content_type
        self.truncated = truncated
        self.endless = endless
        self.location = location
        self.tag = '"' + hashlib.sha256(body).hexdigest()[:32] + '"'


class FileServer:
    """An HTTP server of what was put. Thread-safe."""

    def __init__(self, port=0):
        self._answers = {}
        self.received = []   # paths
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server._serve(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name=f"server-{self.port}", daemon=True).start()

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    def put(self, path, body, **options):
        self._answers[path] = Answer(body, **options)

    def remove(self, prefix):
        for path in [path for path in self._answers if path.startswith(prefix)]:
            self._answers.pop(path, None)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request):
        path = request.path.partition("?")[0]
        self.received.append(path)
        answer = self._answers.get(path)
        with contextlib.suppress(OSError):   # the client has gone
            if answer is None:
                self._begin(request, 404, {"Content-Length": "0"})
            elif answer.location is not None:
                self._begin(request, 302, {"Location": answer.location, "Content-Length": "0"})
            elif answer.endless:
                self._endless(request)
            else:
                self._send(request, answer)

    @staticmethod
    def _begin(request, status, headers):
        request.send_response(status)
        for name, value in {"Last-Modified": email.utils.formatdate(0, usegmt=True), **headers}.items():
            request.send_header(name, value)
        request.end_headers()

    def _send(self, request, answer):
        begin, status, headers = 0, 200, {"ETag": answer.tag, "Content-Type": answer.content_type, "Accept-Ranges": "bytes"}
        wanted = request.headers.get("Range", "")
        if wanted.startswith("bytes=") and request.headers.get("If-Range", answer.tag) == answer.tag:
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            if begin >= len(answer.body):
                self._begin(request, 416, {"Content-Range": f"bytes */{len(answer.body)}", "Content-Length": "0"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(answer.body) - 1}/{len(answer.body)}"
        self._begin(request, status, {**headers, "Content-Length": str(len(answer.body) - begin)})
        if request.command == "HEAD":
            return
        rest = answer.body[begin:]
        if answer.truncated:
            request.wfile.write(rest[:len(rest) // 2])
            request.close_connection = True
        else:
            request.wfile.write(rest)

    def _endless(self, request):
        self._begin(request, 200, {"Transfer-Encoding": "chunked", "Content-Type": "application/octet-stream"})
        while request.command != "HEAD":   # until the client closes the connection, which raises
            request.wfile.write(f"{len(CHUNK):x}\r\n".encode() + CHUNK + b"\r\n")


class Hub:
    """Repositories as on the Hugging Face hub: /OWNER/REPOSITORY/resolve/COMMIT/FILE."""

    def __init__(self):
        self.server = FileServer()

    def put(self, repository, files, faults=None):
        """
        Returns the source.

        repository: OWNER/NAME; files: bytes by name; faults: options of Answer by name
        """
        for name, body in files.items():
            self.server.put(f"/{repository}/resolve/{COMMIT}/{name}", body, **(faults or {}).get(name, {}))
        return f"hf://{repository}@{COMMIT}"

    def remove(self, repository):
        self.server.remove(f"/{repository}/")


class Registry:
    """Artifacts as in an OCI registry: a layer for each file, with the file's name as its title."""

    def __init__(self):
        self.server = FileServer()

    def put(self, repository, files):
        layers = []
        for name, body in files.items():
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            self.server.put(f"/v2/{repository}/blobs/{digest}", body)
            layers.append({"mediaType": "application/octet-stream", "digest": digest, "size": len(body),
                           "annotations": {"org.opencontainers.image.title": name}})
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                               "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
                                          "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()}, "layers": layers}).encode()
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        self.server.put(f"/v2/{repository}/manifests/{digest}", manifest, content_type=MANIFEST)
        return f"oci://{self.server.address}/{repository}@{digest}"


class ObjectStore:
    """A bucket of S3: of S3Mock if its jar is given, else of a server that knows GET and HEAD."""

    def __init__(self, folder, jar=None):
        """folder: of the log of S3Mock"""
        self._process = None
        self._own = FileServer() if jar is None else None
        self.address = self._own.address if jar is None else f"{HOST}:{free_ports(1)[0]}"
        self.name = "a server of this program" if jar is None else jar.name
        if jar is not None:
            self._start(folder, jar)

    def put(self, prefix, files):
        for name, body in files.items():
            if self._own is not None:
                self._own.put(f"/{BUCKET}/{prefix}/{name}", body)
            else:
                request = urllib.request.Request(f"http://{self.address}/{BUCKET}/{prefix}/{name}", body, method="PUT")
                urllib.request.urlopen(request, timeout=30).close()
        return f"s3://{BUCKET}/{prefix}"

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self, folder, jar):
        log = folder / "s3mock.log"
        port = self.address.rpartition(":")[2]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [java(), "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dhttp.port={port}", "-Dserver.port=0",
                 "-jar", str(jar.resolve())],
                env={**os.environ, "COM_ADOBE_TESTING_S3MOCK_STORE_INITIAL_BUCKETS": BUCKET}, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise WorkerError(f"S3Mock does not answer, see {log}")
            time.sleep(0.2)

    def _answers(self):
        try:
            urllib.request.urlopen(f"http://{self.address}/{BUCKET}", timeout=5).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


def read(folder):
    """The two files of a PEFT folder by name."""
    folder = pathlib.Path(folder)
    return {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def digest_of(files):
    return hashlib.sha256(files[CONFIG] + files[WEIGHTS]).hexdigest()
