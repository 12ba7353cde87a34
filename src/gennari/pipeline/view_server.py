"""The viewer's server: pages, pieces of planes and neuroglancer's client, on this machine only and behind a token."""

import hmac
import json
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gennari.errors import InputError
from gennari.pipeline.stages import Run
from gennari.pipeline.viewing import Shown, sections_to_view, view_of
from gennari.report.planes import Plane, tile_png
from gennari.report.viewer_state import View, border_planes, neuroglancer_state, scene
from gennari.sources.precomputed_files import CHUNK_PX, segment_properties
from gennari.sources.precomputed_served import chunk_bytes, chunk_start, volume_info

LOOPBACK = "127.0.0.1"
KEPT_VIEWS = 4
"""Sections whose maps stay in memory."""
PAGES = {"view.html": "view.html", "plain.html": "plain.html"}
_CLIENT_FILE = re.compile(r"[A-Za-z0-9][\w.-]*\.(js|css|wasm|html)")
_TYPES = {
    "html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "wasm": "application/wasm",
    "json": "application/json", "png": "image/png", "bin": "application/octet-stream",
}  # fmt: skip
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; font-src 'self' data:"
)
"""Nothing is loaded from elsewhere. Neuroglancer compiles wasm and small functions of its own ('unsafe-eval')."""


class Body(NamedTuple):
    """An answer: its bytes, and a key of `_TYPES`."""

    data: bytes
    kind: str


class ViewServer:
    """Serves one run until it is closed; use it as a context.

    Attributes:
        url: of the list of sections; who does not know the token in it gets nothing.
    """

    def __init__(self, run: Run, port: int = 0, plain: bool = False) -> None:
        """Bind to the loopback address.

        Args:
            run: what is shown.
            port: to listen on; 0 takes a free one.
            plain: show the plain page even where neuroglancer is there.

        Raises:
            InputError: the run has nothing to show, or the port is taken.
        """
        self.sections = sections_to_view(run)
        self.closing = threading.Event()
        self.token = secrets.token_urlsafe(24)
        self._client = None if plain else neuroglancer_client()
        self._run, self._views, self._lock = run, OrderedDict[Shown, View](), threading.Lock()
        try:
            self._http = ThreadingHTTPServer((LOOPBACK, port), partial(_Requests, self))
        except (OSError, OverflowError) as error:
            raise InputError(f"the viewer needs a free port, but {port} is not ({error}); leave --port out") from error
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self.url = f"http://{LOOPBACK}:{self.port}/v/{self.token}/view.html"

    def __enter__(self) -> "ViewServer":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def knows(self, host: str, token: str) -> bool:
        """Whether a request is for this server by name (another name leads here by a trick of DNS) and has the token.

        Args:
            host: the request's Host.
            token: from its path.
        """
        ours = host in (f"{LOOPBACK}:{self.port}", f"localhost:{self.port}")
        return ours and hmac.compare_digest(token.encode(), self.token.encode())

    def body(self, path: list[str], host: str) -> Body | None:
        """The answer to a path below the token; None if there is none.

        Raises:
            InputError: what is asked for is damaged, or not within the section.
        """
        match path:
            case [page] if page in PAGES:
                return Body(files("gennari.report").joinpath(PAGES[page]).read_bytes(), "html")
            case ["report.html"] if (report := self._run.path("report.html")).is_file():
                return Body(report.read_bytes(), "html")
            case ["sections.json"]:
                return _json(self._listed())
            case ["client", name] if self._client and _CLIENT_FILE.fullmatch(name):
                file = self._client / name
                return Body(file.read_bytes(), file.suffix[1:]) if file.is_file() else None
            case [kind, brain, section, *rest] if section.isdecimal():
                shown = Shown(brain=brain, section=int(section))
                return self._of_section(kind, shown, rest, host) if shown in self.sections else None
        return None

    def _of_section(self, kind: str, shown: Shown, rest: list[str], host: str) -> Body | None:
        view = self._view(shown)
        planes = {plane.name: plane for plane in (*view.planes, *border_planes(view))}
        match [kind, *rest]:
            case ["state"]:
                base = f"http://{host}/v/{self.token}/data/{shown.brain}/{shown.section}"
                return _json(neuroglancer_state(view, base))
            case ["scene"]:
                return _json(scene(view))
            case ["data", name, *inner] if name in planes:
                return _precomputed(planes[name], inner, view)
            case ["tiles", name, level, row, col] if name in planes and all(map(str.isdecimal, (level, row, col))):
                return Body(tile_png(planes[name], int(level), (int(row), int(col)), view.label_set), "png")
        return None

    def _view(self, shown: Shown) -> View:
        with self._lock:
            if shown not in self._views:
                self._views[shown] = view_of(self._run, shown)
            self._views.move_to_end(shown)
            while len(self._views) > KEPT_VIEWS:
                self._views.popitem(last=False)
            return self._views[shown]

    def _listed(self) -> dict[str, object]:
        return {
            "title": f"{self._run.root.name}: {self._run.dataset.manifest.name}",
            "neuroglancer": self._client is not None,
            "report": self._run.path("report.html").is_file(),
            "sections": [{"brain": shown.brain, "section": shown.section} for shown in self.sections],
        }


def neuroglancer_client() -> Path | None:
    """Folder of the client that the package neuroglancer (extra [view]) brings, None without it."""
    found = find_spec("neuroglancer")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "static" / "client"
    return folder if (folder / "index.html").is_file() else None


class _Requests(BaseHTTPRequestHandler):
    """GET only; below /v/TOKEN/, and neuroglancer's /events/TOKEN."""

    server_version, sys_version = "gennari", ""
    timeout = 60

    def __init__(self, scene: ViewServer, *arguments: object) -> None:
        self._scene = scene
        super().__init__(*arguments)  # pyright: ignore[reportArgumentType]

    def do_GET(self) -> None:
        """Answer a request."""
        path = [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]
        host = self.headers.get("Host", "")
        if len(path) < 2 or path[0] not in ("v", "events") or not self._scene.knows(host, path[1]):
            self._answer(404, Body(b"not found", "bin"))
        elif path[0] == "events":
            self._hold()
        else:
            self._answer(*_answered(partial(self._scene.body, path[2:], host)))

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: addresses hold the token."""
        del format, arguments

    def _answer(self, status: int, body: Body) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _TYPES[body.kind])
        self.send_header("Content-Length", str(len(body.data)))
        self._guards()
        self.end_headers()
        self.wfile.write(body.data)

    def _hold(self) -> None:
        """Neuroglancer's client says "disconnected" unless this stream of (no) events stays open."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self._guards()
        self.end_headers()
        try:
            while not self._scene.closing.wait(5):
                self.wfile.write(b":\n\n")
                self.wfile.flush()
        except OSError:  # the page was closed
            pass

    def _guards(self) -> None:
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")


def _answered(make: Callable[[], Body | None]) -> tuple[int, Body]:
    try:
        body = make()
    except InputError as error:
        return 400, Body(str(error).encode(), "bin")
    return (200, body) if body else (404, Body(b"not found", "bin"))


def _precomputed(plane: Plane, inner: list[str], view: View) -> Body | None:
    segmentation = plane.kind == "labels"
    match inner:
        case ["info"]:
            return _json(volume_info(plane.levels, segmentation))
        case ["segment_properties", "info"] if segmentation:
            return _json(segment_properties(view.label_set))
        case [key, name] if key.isdecimal():
            values = plane.read(plane.piece(int(key), chunk_start(name), CHUNK_PX))
            return Body(chunk_bytes(values, segmentation), "bin")
    return None


def _json(value: object) -> Body:
    return Body(json.dumps(value).encode(), "json")
