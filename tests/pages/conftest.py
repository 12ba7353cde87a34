"""A browser for tests: headless Chromium, driven over a pipe, drawing WebGL in software."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 90.0


class Browser:
    """One page of a headless Chromium.

    Attributes:
        requested: addresses of everything the page asked for.
        complaints: what it wrote to its console as errors.
    """

    def __init__(self, program: str, profile: Path, webgl: bool) -> None:
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()
        drawing = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader") if webgl else ("--disable-3d-apis",)
        # the browser reads orders from descriptor 3 and answers on 4; it must not meet the outside world
        command = (
            f'exec "{program}" --headless --no-sandbox --remote-debugging-pipe --user-data-dir="{profile}" '
            f"--disable-gpu-sandbox --no-first-run --window-size=1400,900 --disable-dev-shm-usage {' '.join(drawing)} "
            f"--host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' about:blank 3<&{to_browser} 4>&{to_us}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(to_browser, to_us), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(to_us)
        self._out, self._in, self._left, self._count = from_us, from_browser, b"", 0
        self.requested: list[str] = []
        self.complaints: list[str] = []
        page = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = None
        attached = self._ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go to an address; a new fragment alone loads anew too."""
        self._ask("Page.navigate", url="about:blank")
        self._ask("Page.navigate", url=url)

    def value(self, script: str) -> object:
        """What an expression of JavaScript gives."""
        return self._ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str) -> object:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + PATIENCE_S
        while not (found := self.value(script)):
            if time.monotonic() > end:
                raise AssertionError(f"the page never saw {script}; it says {self.complaints or 'nothing'}")
            time.sleep(0.2)
        return found

    def picture(self) -> np.ndarray:
        """What is to be seen, (h, w, 3)."""
        return imagecodecs.png_decode(self.png())[..., :3]

    def png(self) -> bytes:
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        for descriptor in (self._out, self._in):
            os.close(descriptor)

    def _ask(self, method: str, **params: object) -> dict:
        self._count += 1
        session = {"sessionId": self._session} if getattr(self, "_session", None) else {}
        order = {"id": self._count, "method": method, "params": params, **session}
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._count:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _next(self) -> dict:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], PATIENCE_S)
            block = os.read(self._in, 2**20) if ready else b""
            assert block, "the browser fell silent"
            self._left += block
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.complaints.append(" ".join(str(one.get("description", one.get("value"))) for one in params["args"]))
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"].get("exception", params)))


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """browse(webgl=True): a Browser; the test skips where no Chromium is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed")
    opened: list[Browser] = []

    def start(webgl: bool = True) -> Browser:
        opened.append(Browser(program, tmp_path / f"profile-{len(opened)}", webgl))
        return opened[-1]

    yield start
    for browser in opened:
        browser.close()
