"""Progress: plain lines where nobody watches, bars on a terminal."""

import io
import sys

import pytest
from rich.progress import Progress, TextColumn

from gennari.cli import progress as module
from gennari.cli.progress import progress
from gennari.execute import Tick


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _as_stderr(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """Called inside the test: pytest puts its own stderr back between a fixture and the test."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_lines_are_few_and_end_with_the_time_taken(monkeypatch):
    stream = _as_stderr(monkeypatch, io.StringIO())
    with progress() as tick:
        for done in range(1, 101):
            tick(Tick("drawing", done, 100, f"section {done}"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0] == "drawing: 1/100 section 1"
    assert lines[1] == "drawing: 100/100 in 0 s section 100"


def test_lines_say_how_long_it_will_take(monkeypatch):
    stream = _as_stderr(monkeypatch, io.StringIO())
    clock = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress() as tick:
        for done in (0, 1, 2):
            tick(Tick("training", done, 10))
    assert stream.getvalue().splitlines() == [
        "training: 0/10",
        "training: 1/10, 180 s left",
        "training: 2/10, 160 s left",
    ]


def test_a_second_piece_of_work_of_one_name_has_a_time_of_its_own(monkeypatch):
    stream = _as_stderr(monkeypatch, io.StringIO())
    clock = iter([0.0, 20.0, 1000.0, 1020.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress() as tick:
        for done in (1, 4, 1, 2):
            tick(Tick("training", done, 4))
    assert stream.getvalue().splitlines() == [
        "training: 1/4",
        "training: 4/4 in 20 s",
        "training: 1/4",
        "training: 2/4, 40 s left",
    ]


def test_a_bar_starts_again_with_a_second_piece_of_work(monkeypatch):
    clock = [0.0]
    with Progress(TextColumn("{task.completed} {task.elapsed}"), get_time=lambda: clock[0], disable=True) as bars:
        tick = module._Bars(bars)
        for at, done in ((0.0, 1), (50.0, 4), (70.0, 1), (75.0, 2)):
            clock[0] = at
            tick(Tick("training", done, 4))
        (task,) = bars.tasks
        assert (task.completed, task.elapsed) == (2, 5.0)


def test_bytes_are_told_as_bytes(monkeypatch):
    for stream in (_as_stderr(monkeypatch, io.StringIO()), _as_stderr(monkeypatch, _Terminal())):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress() as tick:
            tick(Tick("fetch", 2_000_000_000, 2_000_000_000, "pm0100o.png", unit="B"))
        assert "2.0 GB/2.0 GB" in stream.getvalue()


def test_a_terminal_gets_bars_with_the_time_left(monkeypatch):
    stream = _as_stderr(monkeypatch, _Terminal())
    with progress() as tick:
        tick(Tick("drawing", 1, 2))
        tick(Tick("training", 0, 5, "loss 1.2"))
        tick(Tick("drawing", 2, 2))
    shown = stream.getvalue()
    for text in ("drawing", "2/2", "training", "0/5", "left", "loss 1.2"):
        assert text in shown


@pytest.mark.parametrize("kind", [io.StringIO, _Terminal])
def test_an_error_inside_passes_through(monkeypatch, kind):
    _as_stderr(monkeypatch, kind())

    def fails() -> None:
        with progress() as tick:
            tick(Tick("drawing", 1, 2))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fails()
