"""How a command ends: exit codes and the one sentence that goes with them."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gennari.errors import InputError, Interrupted
from gennari.execute import TasksFailed

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 75


def guarded(command: Callable[[], object]) -> int:
    """Run a command; what a user can mend becomes one sentence on stderr and an exit code."""
    try:
        with _ended_in_order():
            command()
    except InputError as error:
        sys.stderr.write(f"gennari: {error}\n")
        return BAD_INPUT
    except TasksFailed as failed:  # the traceback of this process says nothing: that of the task does
        sys.stderr.write(f"{failed.failures[0].trace}\ngennari: {failed}\n")
        return FAILED
    except SystemExit as leaving:  # cyclopts leaves by itself after wrong usage
        return BAD_INPUT if leaving.code not in (None, 0) else DONE
    except (KeyboardInterrupt, Interrupted) as stopped:
        reason = str(stopped) or "interrupted"
        sys.stderr.write(f"gennari: {reason}; what is finished is kept: run the same command again to go on\n")
        return INTERRUPTED
    return DONE


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM is answered as Ctrl-C is: locks are let go, half-written files removed, workers ended.

    A training sets a handler of its own, which finishes the step first.
    """
    if threading.current_thread() is not threading.main_thread():  # signals cannot be handled elsewhere
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
