"""Downloads that can break off: resumed from where they stopped, never joined from two versions, checked at the end."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError, Interrupted
from gennari.sources.atomic import move_into_place, write_json
from gennari.sources.documents import file_digest, read_json, read_text
from gennari.sources.http_requests import (
    RangeRefused,
    RemoteFile,
    ServerTrouble,
    UnknownHost,
    answer,
    content_range,
    described,
    look_up,
)

BLOCK_BYTES = 2**20
MOST_CHANGES = 3
"""A file that changes oftener than this while it is fetched is not worth waiting for."""
Answer = TypeVar("Answer")
Tell = Callable[[int], None]
"""Told how many bytes of a file are there, whenever some came; fewer than before where it had to begin anew."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to bear with a server.

    Attributes:
        timeout_s: for a connection, and for each read.
        tries: requests in sequence that brought nothing, before giving up; one that brought bytes begins a new count.
        wait_s: before the second try; doubled before each further one.
    """

    timeout_s: float = 30.0
    tries: int = 5
    wait_s: float = 2.0

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.tries >= 1 and self.wait_s >= 0):
            raise InputError(
                f"a timeout is above 0 s, tries are 1 or more, got {self.timeout_s:g} s and {self.tries}; mend them"
            )


class Fetched(BaseModel):
    """What is known of a file that was fetched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    length: int
    version: str
    sha256: str


def patiently(ask: Callable[[], Answer], patience: Patience) -> Answer:
    """What `ask` answers; trouble of the server is waited out.

    Raises:
        Interrupted: the trouble lasted.
        InputError: no address of the server is known, which waiting does not mend; or as `ask`.
    """
    for failed in range(1, patience.tries + 1):
        try:
            return ask()
        except UnknownHost as error:
            raise InputError(
                f"a server is found by its name, but {error}; check the base URL, and that this machine has a network"
            ) from error
        except ServerTrouble as trouble:
            if failed == patience.tries:
                raise Interrupted(f"{trouble}, {failed} times in sequence") from trouble
            time.sleep(patience.wait_s * 2 ** (failed - 1))
    raise AssertionError("patience has at least one try")


def download(remote: RemoteFile, path: Path, patience: Patience, sha256: str | None, tell: Tell) -> Fetched:
    """Fetch a file to `path`, going on with what an earlier call left in `path`.part.

    A part is gone on with only if the server names the version it is of (If-Range) and that is still the one; else the
    file is fetched anew. The finished file has the length the server gave, and the digest, where one is known.

    Args:
        remote: as `look_up` described it.
        path: where the finished file stands; nothing may be there.
        patience: with the server.
        sha256: of the file, hex, where it is known from elsewhere.
        tell: told of bytes.

    Raises:
        Interrupted: the server's trouble lasted; the part is kept.
        InputError: there is a file, the server lost or keeps changing it, or a digest is not the one it should be.
    """
    if path.exists():
        raise InputError(f"a download needs a free place, but {path} is there already; move it away or keep it")
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(MOST_CHANGES):
        try:
            _complete(remote, part, note, patience, tell)
            break
        except _Changed:
            part.unlink(missing_ok=True)
            remote = patiently(lambda url=remote.url: look_up(url, patience.timeout_s), patience)
    else:
        raise InputError(
            f"a file must stay the same while it is fetched, but {remote.url} changed {MOST_CHANGES} times; "
            "try again later"
        )
    found = file_digest(part, "sha256")
    try:
        _check_digests(remote, part, sha256, found)
    except InputError:
        part.unlink()
        raise
    finally:
        note.unlink(missing_ok=True)
    move_into_place(part, path)
    return Fetched(url=remote.url, length=remote.length, version=remote.version, sha256=found)


def part_length(path: Path) -> int:
    """Bytes of a file that an earlier download left unfinished beside `path`."""
    part = path.with_name(path.name + ".part")
    return part.stat().st_size if part.is_file() else 0


def read_hashes(path: Path) -> dict[str, str]:
    """SHA-256 by file name from a list as `sha256sum` writes it; raises InputError where a line is none."""
    found = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            entry = re.fullmatch(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)", line.strip())
            if not entry:
                raise InputError(
                    f"a list of hashes has lines of 64 hex digits and a file's name, but line {number} of {path} is "
                    f"'{line[:40]}'; write it with sha256sum"
                )
            found[PurePosixPath(entry[2]).name] = entry[1].lower()
    return found


class _Changed(Exception):
    """The server's file is not the one that was looked up."""


class _Note(BaseModel):
    """`<name>.part.json`: what the part is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    length: int
    version: str


def _complete(remote: RemoteFile, part: Path, note: Path, patience: Patience, tell: Tell) -> None:
    """Bring the part to its full length, however many requests that takes."""
    if not _belongs(remote, part, note):
        part.unlink(missing_ok=True)
        write_json(note, _Note(url=remote.url, length=remote.length, version=remote.version))
    failed = 0
    with part.open("ab") as handle:
        while handle.tell() < remote.length:
            before = handle.tell()
            trouble = _request(remote, handle, patience.timeout_s, tell)
            if handle.tell() >= remote.length:
                break
            failed = 0 if handle.tell() > before else failed + 1
            if failed >= patience.tries:
                raise Interrupted(
                    f"{remote.url}: {trouble}, {failed} times in sequence; {handle.tell()} of {remote.length} bytes "
                    "are kept"
                )
            time.sleep(patience.wait_s * 2 ** max(failed - 1, 0))


def _belongs(remote: RemoteFile, part: Path, note: Path) -> bool:
    """Whether a part was left and is of this version."""
    if not (part.is_file() and note.is_file() and remote.version):
        return False
    try:
        left = read_json(note, _Note)
    except InputError:  # cut short by whatever ended that download
        return False
    same = (left.url, left.length, left.version) == (remote.url, remote.length, remote.version)
    return same and part.stat().st_size <= remote.length


def _request(remote: RemoteFile, handle: BinaryIO, timeout_s: float, tell: Tell) -> str:
    """One request for what is missing; returns why it ended, bytes are in the file however that was."""
    start = handle.tell() if remote.version else 0  # without a version nobody can say what a part is of
    headers = {"Range": f"bytes={start}-", "If-Range": remote.version} if start else {}
    try:
        with answer(remote.url, timeout_s, headers) as response:
            if response.status == 206:
                first, total = content_range(response.headers)
                if first != start:
                    raise _Changed
            else:  # the whole file: ranges are not known here, or the version is another one
                start, total = 0, response.headers.get("Content-Length", "")
            now = described(remote.url, response.headers, total)
            if (now.length, now.version) != (remote.length, remote.version):
                raise _Changed
            handle.truncate(start)
            handle.seek(start)
            while block := response.read1(BLOCK_BYTES):
                if handle.tell() + len(block) > remote.length:
                    raise _Changed
                _append(handle, block)
                tell(handle.tell())
    except RangeRefused as refused:
        raise _Changed from refused
    except ServerTrouble as trouble:
        return str(trouble)
    return "the server ended too early"


def _append(handle: BinaryIO, block: bytes) -> None:
    try:
        handle.write(block)
        handle.flush()
    except OSError as error:  # not to be taken for the server's trouble
        raise InputError(
            f"a download needs a disk with room, but writing {handle.name} fails ({error.strerror}); make room and run "
            "the same again: what came is kept"
        ) from error


def _check_digests(remote: RemoteFile, part: Path, sha256: str | None, found: str) -> None:
    wanted = [("sha256", sha256, found)] if sha256 else []
    if remote.digest:
        name, value = remote.digest
        wanted.append((name, value, found if name == "sha256" else file_digest(part, name)))
    for name, should, has in wanted:
        if should.lower() != has:
            raise InputError(
                f"{remote.url} must have the {name} {should}, but what came has {has}; the part is removed: fetch it "
                "again, or ask whoever gave the hash"
            )
