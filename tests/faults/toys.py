"""A stage of ten toy sections: each leaves a file with its number; what happens to it is written on a slip before.

Functions stand at the top of a module, since workers import them.
"""

import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gennari.errors import InputError
from gennari.pipeline.digests import code_digest
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.section_tasks import Part, Spread
from gennari.pipeline.task_records import SectionTask, SectionWork
from gennari.sources.atomic import atomic_path

ROOMS = ("errors.py",)
SLIP = "{section}.slip"


def leave_number(root: Path, brain: str, section: int, threads: int) -> list[Path]:
    """Writes the section's number, and notes the call in calls.log; first does what its slip says."""
    with (root / "calls.log").open("a") as log:
        log.write(f"{section} {os.getpid()} {threads}\n")
    out = root / "out" / f"{section}.txt"
    with atomic_path(out) as temporary:
        temporary.write_text(f"half of {section}")
        _obey(root, section)
        temporary.write_text(f"{brain} {section}\n" * 1000)
    return [out]


def _obey(root: Path, section: int) -> None:
    slip = root / SLIP.format(section=section)
    if not slip.exists():
        return
    order = slip.read_text()
    if order.endswith("once"):
        slip.unlink()
    if order.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    elif order.startswith("kill parent"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    elif order.startswith("refuse"):
        raise InputError(f"section {section} must be an image, but it is a poem; scan it again")
    elif order.startswith("break"):
        raise ZeroDivisionError("a bug")
    elif order.startswith("sleep"):
        (root / f"{section}.asleep").touch()
        while slip.exists():
            time.sleep(0.02)


def inputs_of(root: Path, brain: str, section: int) -> str:
    """What a section is made from: a file, if there is one."""
    path = root / f"{section}.input"
    return path.read_text() if path.exists() else f"{brain} {section}"


def toy(root: Path, count: int = 10, weights: str = "w") -> tuple[SectionWork, list[SectionTask]]:
    work = SectionWork(
        stage="toy", root=root, function=partial(leave_number, root), inputs=partial(inputs_of, root), rooms=ROOMS,
        code=code_digest(ROOMS), weights=weights, side_by_side=2,
    )  # fmt: skip
    tasks = [SectionTask(brain="A", section=n, outputs=(f"out/{n}.txt",)) for n in range(count)]
    return work, tasks


def spread(executor: str = "", part: str = "1/1") -> Spread:
    choice = ExecutorChoice.parse(executor) if executor else ExecutorChoice()
    return Spread(executor=choice, part=Part.parse(part))


def order(root: Path, section: int, what: str) -> None:
    (root / SLIP.format(section=section)).write_text(what)


def calls(root: Path) -> list[int]:
    """Sections in the order in which they were called."""
    log = root / "calls.log"
    return [int(line.split()[0]) for line in log.read_text().splitlines()] if log.exists() else []


def whole(root: Path) -> list[int]:
    """Sections whose output stands; every one of them is whole."""
    found = sorted((root / "out").glob("[0-9]*.txt"), key=lambda path: int(path.stem))
    assert all(path.read_text() == f"A {path.stem}\n" * 1000 for path in found)
    return [int(path.stem) for path in found]


def leftovers(root: Path) -> Sequence[Path]:
    """Files that were begun and not finished."""
    return list((root / "out").glob(".part-*"))
