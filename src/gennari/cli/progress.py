"""Progress for people: bars with the time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gennari.execute import Report, Tick

LINE_EVERY_S = 15.0


@contextmanager
def progress() -> Iterator[Report]:
    """A `tick` to hand to long work: bars if stderr is a terminal, else a line at least LINE_EVERY_S apart."""
    if not sys.stderr.isatty():
        yield _Lines(partial(print, file=sys.stderr, flush=True))
        return
    columns = (
        TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.fields[amount]}"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars, self._tasks, self._seen = bars, {}, {}

    def __call__(self, tick: Tick) -> None:
        if tick.stage not in self._tasks:
            self._tasks[tick.stage] = self._bars.add_task(tick.stage, total=tick.total, note="", amount="")
        elif tick.done < self._seen[tick.stage]:  # a second piece of work of that name: its time left is its own
            self._bars.reset(self._tasks[tick.stage], note="", amount="")
        self._seen[tick.stage] = tick.done
        self._bars.update(
            self._tasks[tick.stage], completed=tick.done, total=tick.total, note=tick.note, amount=tick.amount
        )


class _Lines:
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._began, self._last, self._seen = say, {}, {}, {}

    def __call__(self, tick: Tick) -> None:
        now = time.monotonic()
        if tick.done < self._seen.get(tick.stage, 0):  # a second piece of work of that name: its time left is its own
            del self._began[tick.stage], self._last[tick.stage]
        self._seen[tick.stage] = tick.done
        began = self._began.setdefault(tick.stage, (now, tick.done))
        finished = tick.done >= tick.total
        if not finished and now - self._last.get(tick.stage, -1e9) < LINE_EVERY_S:
            return
        self._last[tick.stage] = now
        self._say(f"{tick.stage}: {tick.amount}{_left(tick, began, now)} {tick.note}".rstrip())


def _left(tick: Tick, began: tuple[float, int], now: float) -> str:
    since, first = began
    if tick.done >= tick.total:
        return f" in {now - since:.0f} s"
    if tick.done <= first:
        return ""
    return f", {(now - since) / (tick.done - first) * (tick.total - tick.done):.0f} s left"
