"""Hashes by which a finished section knows again what it was made from: images, networks, code."""

import hashlib
import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

BLOCK, BLOCKS = 65536, 16
"""Of a file that is larger than all of these blocks together, so many are read, evenly spread from end to end."""


def image_digest(path: Path) -> str:
    """A hash of a file, or of a folder of files: all names and sizes, and of the contents a sample.

    A section at 1 µm has 10 GB, which nobody reads twice for a hash. 1 MiB is read of a file, and as much of a folder
    (the first block of 16 of its files), so another scan is another image, but a bit that fell over is not seen. Times
    are not read: a copy is the same image. A missing one has a hash too; whoever reads it says what is amiss.
    """
    digest = hashlib.sha256()
    if not path.exists():
        return digest.hexdigest()
    if not path.is_dir():
        _add_file(digest, path, BLOCKS)
        return digest.hexdigest()
    found = sorted(file for file in path.rglob("*") if file.is_file())
    for file in found:
        digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode())
    for index in sorted({round(part * (len(found) - 1) / (BLOCKS - 1)) for part in range(BLOCKS)} if found else ()):
        _add_file(digest, found[index], 1)
    return digest.hexdigest()


def code_digest(rooms: Iterable[str]) -> str:
    """A hash of modules of this package as they stand on this machine's disk.

    Args:
        rooms: folders ("apply") or files ("pipeline/maps.py") of it.
    """
    root, digest = Path(str(files("gennari"))), hashlib.sha256()
    for room in rooms:
        path = root / room
        for module in [path] if path.suffix == ".py" else sorted(path.rglob("*.py")):
            digest.update(f"{module.relative_to(root).as_posix()}\n".encode() + module.read_bytes())
    return digest.hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """A hash of all bytes of some files; one that is missing counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size if path.is_file() else -1}\n".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _add_file(digest: "hashlib._Hash", path: Path, blocks: int) -> None:
    size = os.stat(path).st_size
    digest.update(f"{size}\n".encode())
    last = max(0, size - BLOCK)
    spread = sorted({last * k // max(1, blocks - 1) for k in range(blocks)})
    with path.open("rb") as file:
        for start in range(0, size, BLOCK) if size <= blocks * BLOCK else spread:
            file.seek(start)
            digest.update(file.read(BLOCK))
