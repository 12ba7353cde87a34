"""Files over http on this machine, and whatever may go wrong: the fixture `server`."""

import hashlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FaultyServer:
    """Files over http on this machine, and whatever may go wrong; ranges and If-Range are honoured.

    Attributes:
        files: bytes by path, to be changed at any time; a file's ETag is its hash.
        faults: what the next GET requests suffer, in order: "ok", an answer such as 500, ("truncate", n), ("stall", n)
            after n bytes, or ("change", bytes) of the file after the answer.
        requests: (method, path, Range) of all so far.
        ranges, heads, versions, lengths: whether the server knows them.
        headers: further ones of each answer.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: list[str | int | tuple[str, int] | tuple[str, bytes]] = []
        self.requests: list[tuple[str, str, str]] = []
        self.ranges = self.heads = self.versions = self.lengths = True
        self.headers: dict[str, str] = {}
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answers, self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def etag(self, path: str) -> str:
        return f'"{hashlib.sha256(self.files[path]).hexdigest()[:12]}"'

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Answers(BaseHTTPRequestHandler):
    def __init__(self, scene: FaultyServer, *arguments: object) -> None:
        self.scene = scene
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments

    def do_HEAD(self) -> None:
        self.scene.requests.append(("HEAD", self.path, ""))
        if not self.scene.heads:
            self.send_error(405)
        else:
            self._answer("ok", body=False)

    def do_GET(self) -> None:
        self.scene.requests.append(("GET", self.path, self.headers.get("Range", "")))
        self._answer(self.scene.faults.pop(0) if self.scene.faults else "ok")

    def _answer(self, fault: "str | int | tuple", body: bool = True) -> None:
        scene, data = self.scene, self.scene.files.get(self.path)
        if data is None or isinstance(fault, int):
            self.send_error(fault if isinstance(fault, int) else 404)
            return
        first, last, etag = 0, len(data), scene.etag(self.path)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if scene.ranges else None
        if span and self.headers.get("If-Range", etag) == etag:
            first, last = int(span[1]), int(span[2]) + 1 if span[2] else len(data)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{len(data)}")
        else:
            self.send_response(200)
        if scene.versions:
            self.send_header("ETag", etag)
        if scene.lengths:
            self.send_header("Content-Length", str(last - first))
        for name, value in scene.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        kind, how = fault if isinstance(fault, tuple) else ("ok", None)
        self.wfile.write(data[first:last][: how if kind in ("truncate", "stall") else None])
        if kind == "stall":
            self.wfile.flush()
            scene.closing.wait(5)
        if kind == "change":
            scene.files[self.path] = how


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """A server of files on this machine, with faults on request."""
    scene = FaultyServer()
    yield scene
    scene.close()
