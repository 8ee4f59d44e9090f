"""Tests of the servers of adapters: python -m unittest discover -s tools/delivery"""
import hashlib
import http.client
import json
import unittest
import urllib.error
import urllib.request

from stores import CONFIG, WEIGHTS, FileServer, Hub, ObjectStore, Registry

FILES = {CONFIG: b"{}", WEIGHTS: bytes(range(256)) * 100}


class StoresTest(unittest.TestCase):

    def get(self, address, path, **headers):
        request = urllib.request.Request(f"http://{address}{path}", headers={name.replace("_", "-"): value for name, value in headers.items()})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()

    def server(self):
        server = FileServer()
        self.addCleanup(server.close)
        return server

    def test_a_file_has_its_bytes_and_a_range_of_them(self):
        server = self.server()
        server.put("/a", FILES[WEIGHTS])
        status, headers, body = self.get(server.address, "/a")
        self.assertEqual((200, FILES[WEIGHTS]), (status, body))
        status, rest, body = self.get(server.address, "/a", Range="bytes=100-", If_Range=headers["ETag"])
        self.assertEqual((206, FILES[WEIGHTS][100:]), (status, body))
        self.assertEqual("bytes 100-25599/25600", rest["Content-Range"])
        self.assertEqual(200, self.get(server.address, "/a", Range="bytes=100-", If_Range='"other"')[0])
        server.remove("/a")
        with self.assertRaises(urllib.error.HTTPError):
            self.get(server.address, "/a")

    def test_faults_are_seen_by_a_client(self):
        server = self.server()
        server.put("/half", FILES[WEIGHTS], truncated=True)
        with self.assertRaises(http.client.IncompleteRead) as raised:
            self.get(server.address, "/half")
        self.assertEqual(len(FILES[WEIGHTS]) // 2, len(raised.exception.partial))
        server.put("/away", b"", location=f"http://{server.address}/half")
        connection = http.client.HTTPConnection(server.address, timeout=30)
        connection.request("GET", "/away")
        self.assertEqual((302, f"http://{server.address}/half"),
                         (lambda answer: (answer.status, answer.headers["Location"]))(connection.getresponse()))
        connection.close()
        server.put("/endless", b"", endless=True)
        with urllib.request.urlopen(f"http://{server.address}/endless", timeout=30) as answer:
            self.assertEqual(1 << 20, len(answer.read(1 << 20)))
        self.assertEqual(["/half", "/away", "/endless"], server.received)

    def test_a_repository_of_the_hub_has_a_commit(self):
        hub = Hub()
        self.addCleanup(hub.server.close)
        source = hub.put("team/a", FILES)
        commit = source.removeprefix("hf://team/a@")
        self.assertEqual(FILES[CONFIG], self.get(hub.server.address, f"/team/a/resolve/{commit}/{CONFIG}")[2])
        hub.remove("team/a")
        with self.assertRaises(urllib.error.HTTPError):
            self.get(hub.server.address, f"/team/a/resolve/{commit}/{CONFIG}")

    def test_a_manifest_names_the_digest_of_each_file(self):
        registry = Registry()
        self.addCleanup(registry.server.close)
        address, _, rest = registry.put("team/a", FILES).removeprefix("oci://").partition("/")
        repository, _, digest = rest.partition("@")
        body = self.get(address, f"/v2/{repository}/manifests/{digest}")[2]
        self.assertEqual(digest, "sha256:" + hashlib.sha256(body).hexdigest())
        for layer in json.loads(body)["layers"]:
            blob = self.get(address, f"/v2/{repository}/blobs/{layer['digest']}")[2]
            self.assertEqual(FILES[layer["annotations"]["org.opencontainers.image.title"]], blob)
            self.assertEqual(layer["size"], len(blob))

    def test_the_small_object_store_has_what_was_put(self):
        store = ObjectStore(None)
        self.addCleanup(store.close)
        self.assertEqual("s3://adapters/a/b", store.put("a/b", FILES))
        self.assertEqual(FILES[WEIGHTS], self.get(store.address, f"/adapters/a/b/{WEIGHTS}")[2])


if __name__ == "__main__":
    unittest.main()
