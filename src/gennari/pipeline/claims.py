"""Who works on what: locks on files, which go with the process that holds them, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRIES, PAUSE_S = 4, 0.05
"""`is_claimed` takes a lock for a moment in order to ask for it; whoever meets that moment tries again."""


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold `path`, an empty file that stands only while it is held, if nobody else does; gives whether it is ours.

    What a killed process leaves is a file that nobody holds: the next one takes it, and whoever looks can tell that
    work was broken off. No clock and no process number is read, so neither a clock that is set back nor another machine
    with the same numbers matters; a folder on a server must have locks (NFS has).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _taken(path)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)  # before it is let go: see `_taken`
        os.close(handle)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold `path`, an empty file that stays, as soon as nobody else does: for what takes a moment, one at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_claimed(path: Path) -> bool:
    """Whether a process holds a file at this moment."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not hold(handle, shared=True, tries=1)
    finally:
        os.close(handle)


def hold(handle: int, shared: bool = False, tries: int = TRIES) -> bool:
    """Lock an open file until it is closed, for this process or for all who share it; gives whether that was free."""
    for attempt in range(tries):
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < tries:
                time.sleep(PAUSE_S)
        else:
            return True
    return False


def _taken(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        ours = hold(handle)
        if ours and _stands(path, handle):
            return handle
        os.close(handle)
        if not ours:
            return None
        # else its holder removed it between our opening and our locking: there may be a new one


def _stands(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False
