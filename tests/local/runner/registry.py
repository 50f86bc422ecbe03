"""An image registry with one image, private, in memory: enough of the distribution API for a docker pull."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """Serves ``private/probe:1`` to ``user``/``password``."""

    def __init__(self, binary: Path, architecture: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(binary, "probe")
        layer = gzip.compress(archive.getvalue(), 1)
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Entrypoint": ["/probe"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(archive.getvalue())]},
                # Layer ids depend on it: each registry's image is a new one to the engine.
                "history": [{"created_by": self.__class__.__name__}],
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": _digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": len(layer),
                        "digest": _digest(layer),
                    }
                ],
            }
        ).encode()
        self.digest = _digest(manifest)
        content = {
            "/v2/": b"{}",
            "/v2/private/probe/manifests/1": manifest,
            f"/v2/private/probe/manifests/{self.digest}": manifest,
            f"/v2/private/probe/blobs/{_digest(config)}": config,
            f"/v2/private/probe/blobs/{_digest(layer)}": layer,
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(content))
        self.reference = f"127.0.0.1:{self._server.server_address[1]}/private/probe:1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(content: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    login = "Basic " + base64.b64encode(b"user:password").decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            body = content.get(self.path, b"")
            allowed = self.headers.get("Authorization") == login
            self.send_response(401 if not allowed else 200 if body else 404)
            if not allowed:
                self.send_header("WWW-Authenticate", 'Basic realm="registry"')
                body = b""
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if "/manifests/" in self.path and body:
                self.send_header("Content-Type", MANIFEST)
                self.send_header("Docker-Content-Digest", _digest(body))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
