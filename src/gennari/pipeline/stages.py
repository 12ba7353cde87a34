"""A run folder: its config, its lock, and a receipt for every stage that was finished."""

import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tomli_w
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.pipeline.claims import hold
from gennari.pipeline.task_records import utc_now
from gennari.recipes.experiment import Experiment
from gennari.sources.atomic import write_json, write_text
from gennari.sources.dataset import Dataset, fingerprint, open_dataset
from gennari.sources.documents import read_json, read_toml

LOCK = ".lock"
PACKAGES = ("gennari", "torch", "numpy", "scipy", "numba", "zarr", "pygeodesic", "nibabel", "shapely")


class RunManifest(BaseModel):
    """What a run belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    fingerprint: str


class Provenance(BaseModel):
    """provenance.json: what a run was made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    created: str
    python: str
    system: str
    packages: dict[str, str]
    git: str
    dataset: str
    dataset_fingerprint: str
    dataset_licence: str


class Receipt(BaseModel):
    """Proof that a stage was finished: with which configuration, in how many seconds, what it left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    key: str
    seconds: float
    finished: str
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """An open run folder."""

    root: Path
    experiment: Experiment
    dataset: Dataset

    def path(self, *parts: str) -> Path:
        """A path inside the run."""
        return self.root.joinpath(*parts)


def create_run(root: Path, dataset_path: Path, experiment: Experiment) -> Run:
    """Make a run folder for a data set, or go on with the one that is there.

    Raises:
        InputError: the folder holds something else, a run of another data set or of another configuration.
    """
    dataset = open_dataset(dataset_path)
    manifest = root / "run.json"
    if manifest.exists():
        run = open_run(root)
        if fingerprint(run.dataset) != fingerprint(dataset):
            raise InputError(
                f"a run stays with the data set it was made for ({run.dataset.root}), got {dataset_path}; "
                "give another folder with --out or --run"
            )
        if run.experiment != experiment:
            raise InputError(
                f"the run in {root} was made with recipe '{run.experiment.name}' as saved in its config.toml, and "
                f"'{experiment.name}' differs from it; go on with the saved one or give another folder"
            )
        return run
    if root.exists() and any(not entry.name.startswith(LOCK) for entry in root.iterdir()):
        raise InputError(f"a run needs a folder of its own, but {root} holds other files; give an empty or new folder")
    root.mkdir(parents=True, exist_ok=True)
    config = experiment.model_dump(mode="json", exclude_none=True)
    write_text(root / "config.toml", tomli_w.dumps(config))
    write_json(root / "provenance.json", _provenance(dataset))
    write_json(manifest, RunManifest(dataset=os.path.relpath(dataset_path, root), fingerprint=fingerprint(dataset)))
    return Run(root, experiment, dataset)


def open_run(root: Path) -> Run:
    """Open a run folder.

    Raises:
        InputError: it is none, its config has an unknown key, or its data set is gone or has changed.
    """
    if not (root / "run.json").exists():
        raise InputError(f"a run folder holds run.json, but {root} has none; make one with `gennari sample`")
    manifest = read_json(root / "run.json", RunManifest)
    experiment = read_toml(root / "config.toml", Experiment)
    dataset = open_dataset((root / manifest.dataset).resolve())
    if fingerprint(dataset) != manifest.fingerprint:
        raise InputError(
            f"a run stays with the data set it was made for, but the one in {dataset.root} has changed since "
            f"{root} was made; restore it or start a new run"
        )
    return Run(root, experiment, dataset)


@contextmanager
def locked(root: Path, make: bool = False, part: str = "") -> Iterator[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends.

    Args:
        root: the folder.
        make: make it if it is not there.
        part: such as "2/4": hold only this part of the work, beside processes that hold other parts.

    Raises:
        InputError: another process holds it, or it is not there.
    """
    if make:
        root.mkdir(parents=True, exist_ok=True)
    elif not root.is_dir():
        raise InputError(f"a run is a folder, but {root} is none; check the path or make one with `gennari sample`")
    with ExitStack() as held:
        whole = held.enter_context(open(root / LOCK, "a+"))
        if not hold(whole.fileno(), shared=bool(part)):
            raise InputError(
                f"one process at a time may work in {root}, and another one does; wait for it or give another folder"
            )
        own = held.enter_context(open(root / f"{LOCK}-{part.replace('/', '-of-')}", "a+")) if part else None
        if own is not None and not hold(own.fileno()):
            raise InputError(
                f"one process at a time may work on part {part} of {root}, and another one does; wait for it or give "
                "another part"
            )
        yield


def run_stage(
    run: Run,
    stage: str,
    after: Sequence[str],
    work: Callable[[], Sequence[Path] | None],
    tick: Report,
    record: bool = True,
    options: str = "",
) -> bool:
    """Do a stage once: if its receipt stands and its outputs are there, say so and do nothing.

    Args:
        run: where.
        stage: its name, that of the verb.
        after: stages that must be finished before.
        work: does it, returns the files it leaves; None where other processes have still to do their part of it.
        tick: told when there is nothing to do.
        record: leave a receipt; of several processes that do the work together only one does.
        options: what else decides the outputs, beside configuration, data set and earlier stages.

    Returns:
        Whether there was anything to do.

    Raises:
        InputError: an earlier stage is missing, or the stage was finished with another configuration.
    """
    for earlier in after:
        if not _receipt_path(run, earlier).exists():
            raise InputError(
                f"`gennari {stage}` works on the files of `gennari {earlier}`, which is not finished in {run.root}; "
                f"run `gennari {earlier}` first"
            )
    key = _key(run, after, options)
    path = _receipt_path(run, stage)
    if path.exists():
        receipt = read_json(path, Receipt)
        if receipt.key != key:
            raise InputError(
                f"stage {stage} in {run.root} was finished with another configuration or other inputs; "
                "start a new run folder, or delete its receipt to redo it"
            )
        if all(run.path(output).exists() for output in receipt.outputs):
            tick(Tick(stage, 1, 1, "already finished, nothing to do"))
            return False
    began = time.monotonic()
    left = work()
    if left is None:
        return True
    outputs = tuple(str(output.relative_to(run.root)) for output in left)
    receipt = Receipt(
        stage=stage, key=key, seconds=round(time.monotonic() - began, 1),
        finished=utc_now().isoformat(timespec="milliseconds"), outputs=outputs,
    )  # fmt: skip
    if record:
        write_json(path, receipt)
    return True


def receipts(run: Run) -> list[Receipt]:
    """Receipts of all finished stages, in the order they were finished."""
    found = [read_json(path, Receipt) for path in sorted(run.path("receipts").glob("*.json"))]
    return sorted(found, key=lambda receipt: receipt.finished)


def is_finished(run: Run, stage: str) -> bool:
    """Whether a stage has left its receipt (`run_stage` then says whether it still holds)."""
    return _receipt_path(run, stage).exists()


def _receipt_path(run: Run, stage: str) -> Path:
    return run.path("receipts", f"{stage}.json")


def _key(run: Run, after: Sequence[str], options: str) -> str:
    parts = [run.experiment.model_dump_json(), fingerprint(run.dataset)]
    parts += [_receipt_path(run, earlier).read_text(encoding="utf-8") for earlier in after]
    parts += [options] if options else []  # so that stages without any keep the keys they always had
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _provenance(dataset: Dataset) -> Provenance:
    return Provenance(
        created=utc_now().isoformat(timespec="seconds"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        packages={name: version(name) for name in PACKAGES},
        git=_git_revision(),
        dataset=dataset.manifest.name,
        dataset_fingerprint=fingerprint(dataset),
        dataset_licence=dataset.manifest.licence,
    )


def _git_revision() -> str:
    """Revision of the checkout the package runs from, 'installed' if it is none."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "installed"
    return done.stdout.strip() if done.returncode == 0 else "installed"
