"""`gennari view`: says where, serves until it is stopped, and leaves with 0."""

import re
import threading
import urllib.request

from gennari.cli import view as verb
from gennari.pipeline.view_server import ViewServer


def stop_when_asked(monkeypatch, fetched):
    """Once the address is known it is fetched; then the viewer is ended as by Ctrl-C."""

    class Asked(threading.Event):
        server: ViewServer

        def wait(self, timeout=None):
            if timeout is None:
                with urllib.request.urlopen(self.server.url, timeout=30) as answer:
                    fetched.append(answer.read())
                raise KeyboardInterrupt
            return super().wait(timeout)

    class Stopping(ViewServer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.closing = Asked()
            self.closing.server = self

    monkeypatch.setattr(verb, "ViewServer", Stopping)


def test_the_address_is_printed_served_and_opened(gennari, mapped_run, monkeypatch):
    fetched, opened = [], []
    stop_when_asked(monkeypatch, fetched)
    monkeypatch.setattr(verb.webbrowser, "open", opened.append)
    said = gennari("view", mapped_run)
    assert said.code == 0
    found = re.fullmatch(
        r"\d+ sections at (http://127\.0\.0\.1:\d+/v/[\w-]{32,}/view\.html) \(Ctrl-C ends\)\n", said.out
    )
    assert found
    assert opened == [found[1]]
    assert b"sections.json" in fetched[0]


def test_no_browser_is_opened_where_none_is_wanted_and_a_missing_neuroglancer_is_said(gennari, mapped_run, monkeypatch):
    opened = []
    stop_when_asked(monkeypatch, [])
    monkeypatch.setattr(verb.webbrowser, "open", opened.append)
    monkeypatch.setattr(verb, "neuroglancer_client", lambda: None)
    said = gennari("view", mapped_run, "--no-browser")
    assert said.code == 0
    assert opened == []
    assert "pip install 'gennari[view]'" in said.err
    assert "gennari[view]" not in gennari("view", mapped_run, "--no-browser", "--plain").err


def test_a_folder_that_is_no_run_is_refused(refused, tmp_path):
    assert "holds run.json" in refused("view", tmp_path)
