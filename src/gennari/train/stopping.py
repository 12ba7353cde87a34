"""SIGINT and SIGTERM while training: the step is finished and saved before the process leaves."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 3
"""The signal that ends the process at once; torchrun passes on what its terminal has already sent, so two are one."""


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """In the block, SIGINT and SIGTERM ask for an end instead of making one; gives whether one was asked for.

    Signals reach the main thread only; in another one nothing is changed and nothing is ever asked for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        if len(came) >= PATIENCE:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
