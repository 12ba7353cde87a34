"""Fetching files of a release: what there is, what stands here already, and the rest, one file after the other."""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import RootModel

from gennari.errors import InputError
from gennari.execute import Report, Tick, bytes_words, run_tasks
from gennari.sources.atomic import write_json, write_text
from gennari.sources.bigbrain_release import ReleaseFile
from gennari.sources.documents import file_digest, read_json, read_text
from gennari.sources.downloads import Fetched, Patience, download, part_length, patiently
from gennari.sources.http_requests import RemoteFile, look_up

INDEX = "fetched.json"
"""Beside the data: address, length, version and SHA-256 of each file that was fetched, by its path."""
LICENCE = "LICENCE.txt"
LOOK_UPS = 8
"""Requests for lengths at a time; bytes are fetched by one connection, which is what public servers like."""
SHOWN_FILES = 12

State = Literal["fetch", "go on", "there", "there, and another one on the server"]
_Index = RootModel[dict[str, Fetched]]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A file, as the server describes it and as it stands here."""

    file: ReleaseFile
    remote: RemoteFile
    state: State
    kept: int

    @property
    def missing(self) -> int:
        """Bytes still to be fetched."""
        return 0 if self.state.startswith("there") else self.remote.length - self.kept


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a call will do.

    Attributes:
        root: the folder the files are fetched to.
        licence: the words that are kept beside them.
    """

    root: Path
    files: tuple[Planned, ...]
    licence: str

    @property
    def missing(self) -> int:
        """Bytes still to be fetched."""
        return sum(planned.missing for planned in self.files)


def plan_fetch(root: Path, files: Sequence[ReleaseFile], licence: str, patience: Patience, tick: Report) -> Plan:
    """Ask the server for every file before anything is fetched.

    Raises:
        InputError: the server lacks one, or another file stands in its place here.
        Interrupted: the server's trouble lasted.
    """

    def ask(file: ReleaseFile) -> RemoteFile:
        return patiently(lambda: look_up(file.url, patience.timeout_s), patience)

    with ThreadPoolExecutor(LOOK_UPS) as threads:
        found = run_tasks(ask, files, executor=threads, tick=tick, stage="look up", name=lambda file: file.path)
    index = _read_index(root)
    planned = (_planned(root, file, remote, index) for file, remote in zip(files, found, strict=True))
    return Plan(root=root, files=tuple(planned), licence=licence)


def check_room(plan: Plan, most_bytes: int) -> None:
    """Refuse before the first byte what is too much.

    Raises:
        InputError: more than `most_bytes` are missing, or more than the disk has free.
    """
    if plan.missing > most_bytes:
        raise InputError(
            f"at most {bytes_words(most_bytes)} are fetched unless you say more, but {bytes_words(plan.missing)} are "
            "missing; name fewer sections, or give --max-gb"
        )
    there = next(folder for folder in (plan.root, *plan.root.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if plan.missing > free:
        raise InputError(
            f"the disk of {plan.root} needs {bytes_words(plan.missing)}, but {bytes_words(free)} are free; make room "
            "or name fewer sections"
        )


def check_kept(plan: Plan, hashes: Mapping[str, str], all_files: bool, tick: Report) -> None:
    """Read files that are there already and compare their SHA-256 with the given one, else with the one noted before.

    Args:
        plan: what is there.
        hashes: by file name; files named here are always read.
        all_files: read those with a noted one too.
        tick: told of each file read.

    Raises:
        InputError: a file is not what it was.
    """
    index = _read_index(plan.root)
    wanted = []
    for planned in plan.files:
        if planned.state.startswith("there"):
            noted = index.get(planned.file.path) if all_files else None
            sha256 = hashes.get(PurePosixPath(planned.file.path).name) or (noted.sha256 if noted else None)
            wanted += [(planned.file.path, sha256)] if sha256 else []
    for done, (name, sha256) in enumerate(wanted, start=1):
        found = file_digest(plan.root / name, "sha256")
        if found != sha256:
            raise InputError(
                f"{plan.root / name} must have the SHA-256 {sha256}, but it has {found}: it was damaged or changed; "
                "move it away and fetch it again"
            )
        tick(Tick("verify", done, len(wanted), name))


def fetch(plan: Plan, patience: Patience, hashes: Mapping[str, str], tick: Report) -> list[Path]:
    """Fetch what is missing; each finished file is noted in fetched.json, the licence stands beside it from the start.

    Args:
        plan: of `plan_fetch`.
        patience: with the server.
        hashes: SHA-256 by file name, where known.
        tick: told of bytes of all missing files together.

    Returns:
        The files fetched now.

    Raises:
        Interrupted: the server's trouble lasted; run the same again.
        InputError: as `download`, or LICENCE.txt is another one.
    """
    _keep_licence(plan)
    index, total, before, made = _read_index(plan.root), plan.missing, 0, []
    for planned in plan.files:
        if planned.state.startswith("there"):
            continue
        name = PurePosixPath(planned.file.path).name

        def tell(there: int, planned: Planned = planned, before: int = before, name: str = name) -> None:
            tick(Tick("fetch", max(0, before + there - planned.kept), total, name, unit="B"))

        path = plan.root / planned.file.path
        index[planned.file.path] = download(planned.remote, path, patience, hashes.get(name), tell)
        write_json(plan.root / INDEX, _Index(index))
        before += planned.missing
        made.append(path)
    return made


def plan_words(plan: Plan) -> str:
    """What will be fetched, for a person."""
    lines = [
        f"{bytes_words(planned.remote.length):>10}  {planned.state:<6} {planned.file.path}"
        for planned in plan.files[:SHOWN_FILES]
    ]
    rest = plan.files[SHOWN_FILES:]
    if rest:
        length = sum(planned.remote.length for planned in rest)
        lines.append(f"{bytes_words(length):>10}         in {len(rest)} more, the last is {rest[-1].file.path}")
    fetched = sum(not planned.state.startswith("there") for planned in plan.files)
    lines.append(f"{bytes_words(plan.missing):>10}  to fetch, in {fetched} of {len(plan.files)} files, to {plan.root}")
    return "\n".join([*lines, plan.licence])


def _read_index(root: Path) -> dict[str, Fetched]:
    return dict(read_json(root / INDEX, _Index).root) if (root / INDEX).exists() else {}


def _planned(root: Path, file: ReleaseFile, remote: RemoteFile, index: Mapping[str, Fetched]) -> Planned:
    path = root / file.path
    if not path.exists():
        kept = min(part_length(path), remote.length)
        return Planned(file=file, remote=remote, state="go on" if kept else "fetch", kept=kept)
    noted, size = index.get(file.path), path.stat().st_size
    if size != (noted.length if noted else remote.length):
        raise InputError(
            f"{path} must be as long as {'when it was fetched' if noted else 'the file on the server'} "
            f"({noted.length if noted else remote.length} bytes), but it has {size}; move it away to fetch it again"
        )
    same = not noted or (noted.length, noted.version) == (remote.length, remote.version)
    state: State = "there" if same else "there, and another one on the server"
    return Planned(file=file, remote=remote, state=state, kept=size)


def _keep_licence(plan: Plan) -> None:
    path, words = plan.root / LICENCE, plan.licence + "\n"
    if path.exists() and read_text(path) != words:
        raise InputError(
            f"the licence is kept beside the data, but {path} is another text; give a folder of its own, or move it"
        )
    write_text(path, words)
