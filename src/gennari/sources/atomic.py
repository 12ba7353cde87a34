"""Writing that is seen whole or not at all: a crash leaves the old file, never half of the new one."""

import glob
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel

_PART = ".part-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write a file or a folder to; moved into place when the block ends well.

    The temporary name keeps the ending of `path`, since many writers choose their format by it. What was written is
    flushed to the disk before the move. When the block raises, it is removed and `path` keeps what it held. Replacing
    a folder takes two moves: a crash between them leaves the old folder beside `path` with the ending `.old`.

    Args:
        path: where the finished file or folder stands; missing parent folders are made.

    Raises:
        ValueError: the block wrote nothing to the temporary path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PART}{uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        if not temporary.exists():
            raise ValueError(
                f"atomic_path({path.name}) needs its block to write the path it gives, but nothing is there"
            )
        move_into_place(temporary, path)
    finally:
        _remove(temporary)


def move_into_place(made: Path, path: Path) -> None:
    """Flush a finished file or folder to the disk, then let it stand at `path`, beside which it was made.

    For what several processes write, or what is kept when the work is interrupted; else use `atomic_path`.
    """
    _flush(made)
    _move(made, path)
    _flush_entry(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left half written for `path`; call it only where no other process may write it.

    So is a folder that was being replaced, unless it is the only one: then its replacement never came.
    """
    stem = f"{_PART}????????-{glob.escape(Path(path).name)}"
    for leftover in [*path.parent.glob(stem), *(path.parent.glob(f"{stem}.old") if path.is_dir() else ())]:
        _remove(leftover)


def write_json(path: Path, value: BaseModel | Mapping[str, object] | Sequence[object]) -> None:
    """Write a pydantic model or plain values as indented JSON (UTF-8), atomically."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    write_text(path, json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8), atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    for file in files:
        _flush_entry(file)


def _flush_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move(temporary: Path, path: Path) -> None:
    if not path.is_dir():
        os.replace(temporary, path)
        return
    old = path.with_name(f"{temporary.name}.old")  # rename cannot replace a folder that holds something
    os.replace(path, old)
    os.replace(temporary, path)
    shutil.rmtree(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
